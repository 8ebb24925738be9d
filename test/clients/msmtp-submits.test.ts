/** msmtp, a `sendmail` for workstations, submits over port 587. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LAN, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { needs, runProgram } from "../harness/programs.ts";

test("msmtp submits to several recipients at once and reports a refused one", needs("msmtp"), async (t) => {
  const host = await startHost(t, { users: ["wang", "li"] });
  const msmtp = (...to: string[]) =>
    runProgram(
      "msmtp",
      [
        ...[
          "--host=127.0.0.1",
          `--port=${host.submission.port}`,
          `--source-ip=${LAN}`,
          "--tls=off",
          "--auth=off",
        ],
        ...["--from=li@linuxaid.com.cn", "--", ...to],
      ],
      { input: mailText("by msmtp").replaceAll("\r\n", "\n") },
    );
  const sent = await msmtp("wang@linuxaid.com.cn", "li@linuxaid.com.cn");
  assert.equal(sent.code, 0, sent.stderr);
  const [first] = await host.arrived("wang");
  const [second] = await host.arrived("li");
  for (const entry of [first, second]) assert.match(entry!.message.toString(), /^Subject: by msmtp$/m);

  const refused = await msmtp("not-there@linuxaid.com.cn");
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, /5\.1\.1 <not-there@linuxaid\.com\.cn>\.\.\. User unknown/);
});
