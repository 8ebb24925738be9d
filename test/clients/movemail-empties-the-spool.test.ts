/** movemail and formail work on the spool directly, beside the host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { PASSWORD } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("formail counts the messages of a mailbox that we wrote", needs("procmail"), async (t) => {
  const host = await hostWithMail(t);
  const counted = await runProgram("formail", ["-s", "sh", "-c", "cat >/dev/null; echo one"], {
    input: Buffer.from(host.read("var/spool/mail/wang"), "utf8"),
  });
  assert.equal(counted.stdout.trim().split("\n").length, AWKWARD_BODIES.length);
});

test(
  "movemail takes the mail out of the spool, and the host goes on with what is left",
  needs("movemail"),
  async (t) => {
    const host = await hostWithMail(t);
    const moved = await runProgram("movemail", [host.path("var/spool/mail/wang"), host.path("moved")]);
    assert.equal(moved.code, 0, moved.stderr);
    const messages = readMbox(host.path("moved"));
    assert.equal(messages.length, AWKWARD_BODIES.length);
    for (const [i, entry] of messages.entries())
      assert.match(entry.message.toString(), new RegExp(`body-${i}\\n`));

    const empty = await loggedIn(host.pop3, "wang", PASSWORD);
    assert.equal(await empty.count(), 0);
    await empty.quit();
    await sendMail(
      host.smtp,
      { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" },
      mailText("afterwards"),
    );
    await host.arrived("wang");
    const session = await loggedIn(host.pop3, "wang", PASSWORD);
    assert.equal(await session.count(), 1);
    await session.quit();
  },
);
