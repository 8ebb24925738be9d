/** Only CRLF.CRLF ends a message: bare LF and CR can not hide a second message from one side of a relay. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const HIDDEN =
  "MAIL FROM:<evil@example.net>\r\nRCPT TO:<wang@linuxaid.com.cn>\r\nDATA\r\nSubject: smuggled\r\n\r\nx\r\n.\r\n";

for (const [name, end] of [
  ["LF.LF", "\n.\n"],
  ["LF.CRLF", "\n.\r\n"],
  ["CR.CRLF", "\r.\r\n"],
  ["CRLF.LF", "\r\n.\n"],
  ["CRLF.CR", "\r\n.\r"],
  ["NUL before the dot", "\r\n\0.\r\n"],
] as const) {
  test(`${name} does not end a message`, async (t) => {
    const host = await startHost(t, { users: ["wang"] });
    const client = await openSmtp(host.smtp);
    await client.command("MAIL FROM:<a@example.net>");
    await client.command("RCPT TO:<wang@linuxaid.com.cn>");
    assert.equal((await client.command("DATA")).code, 354);
    // Without dot-stuffing, as a smuggler would: if `end` ended the message the rest would be a second one.
    await client.connection.write(`Subject: outer\r\n\r\nbody${end}${HIDDEN}`);
    const reply = await client.read();
    const probe = await client.command("NOOP");
    assert.equal(probe.code, 250, "exactly one reply came for all that");
    await client.quit();
    if (reply.code === 250) {
      const entries = await host.arrived("wang");
      assert.equal(entries.length, 1);
      assert.match(entries[0]!.message.toString(), /^Subject: outer$/m);
      assert.ok(!/^Subject: smuggled$/m.test(entries[0]!.header.join("\n")));
    } else {
      assert.equal(host.mailbox("wang").length, 0);
    }
  });
}
