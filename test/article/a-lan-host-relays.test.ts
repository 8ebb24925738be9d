/** The article, section 4: a client whose network is `RELAY` in access sends to any domain. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialogue } from "../harness/dialogue.ts";
import { LAN, startHost } from "../harness/host.ts";
import { startSink } from "../harness/sink.ts";

test("a host of the LAN relays to another domain, through the port for mail and the one for submission", async (t) => {
  const sink = await startSink("127.0.0.31", 0, { name: "mx.example.net" });
  t.after(() => sink.close());
  const host = await startHost(t, {
    settings: { relay: { port: sink.port } },
    zone: { "example.net": { mx: [[10, "mx.example.net"]] }, "mx.example.net": { a: ["127.0.0.31"] } },
  });
  for (const [endpoint, body] of [
    [host.smtp, "over port 25"],
    [host.submission, "over port 587"],
  ] as const) {
    await dialogue(
      endpoint,
      `
      S: 220 mail.linuxaid.com.cn ESMTP …
      C: EHLO pc1.linuxaid.com.cn
      S* 250
      C: MAIL FROM:<wang@linuxaid.com.cn>
      S: 250 2.1.0 <wang@linuxaid.com.cn>... Sender ok
      C: RCPT TO:<friend@example.net>
      S: 250 2.1.5 <friend@example.net>... Recipient ok
      C: DATA
      S: 354 …
      C: Subject: hello
      C:
      C: ${body}
      C: .
      S: 250 2.0.0 … Message accepted for delivery
      C: QUIT
      S: 221 2.0.0 mail.linuxaid.com.cn closing connection
      `,
      { from: LAN },
    );
  }
  const taken = await sink.taken(2);
  const first = taken.find((m) => m.message.includes("over port 25"));
  assert.ok(first);
  assert.match(first.mail, /^<wang@linuxaid\.com\.cn>/);
  assert.deepEqual(
    first.recipients.map((r) => r.split(" ")[0]),
    ["<friend@example.net>"],
  );
  assert.match(
    first.message.toString(),
    /^Received: from pc1\.linuxaid\.com\.cn \(.*\[127\.0\.0\.2\].*\)\r\n\tby mail\.linuxaid\.com\.cn /,
  );
  await host.logged(
    /to=<friend@example\.net>,.* mailer=esmtp,.* relay=mx\.example\.net\. \[127\.0\.0\.31\],.* stat=Sent/,
  );
});
