/** The article, section 4: local-host-names lists `linuxaid.com.cn.` and `mail.linuxaid.com.cn.`, dots and all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTSIDE, PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { fieldValues } from "../harness/mbox-reader.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("a local user is reached through both domains, in any case", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const addresses = [
    "wang@linuxaid.com.cn",
    "wang@mail.linuxaid.com.cn",
    "WANG@LinuxAid.COM.CN",
    "wang@linuxaid.com.cn.",
  ];
  for (const to of addresses) {
    const reply = await sendMail(host.smtp, { from: "friend@example.net", to }, mailText(to), {
      from: OUTSIDE,
    });
    assert.equal(reply.code, 250, reply.text);
  }
  const entries = await host.arrived("wang", addresses.length);
  for (const entry of entries) {
    assert.match(entry.from, /^From friend@example\.net \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}$/);
    assert.deepEqual(fieldValues(entry, "Return-Path"), ["<friend@example.net>"]);
    assert.match(entry.header[0]!, /^Return-Path:/);
    assert.match(entry.header[1]!, /^Received: from client\.test /);
  }
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await session.count(), addresses.length);
  assert.match(await session.quit(), /^\+OK/);
  await host.logged(/to=<wang@linuxaid\.com\.cn>,.* mailer=local,.* dsn=2\.0\.0, stat=Sent/);
});
