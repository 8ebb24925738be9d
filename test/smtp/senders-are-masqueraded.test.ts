/** MASQUERADE_AS, genericstable and domaintable, seen by a host outside and in a mailbox of ours. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialogue } from "../harness/dialogue.ts";
import { LAN, startHost } from "../harness/host.ts";
import { startSink } from "../harness/sink.ts";

test("one message, to another host and to a mailbox, shows the company's addresses and nothing else changes", async (t) => {
  const sink = await startSink("127.0.0.31", 0, { name: "mx.example.net" });
  t.after(() => sink.close());
  const host = await startHost(t, {
    settings: {
      relay: { port: sink.port },
      rewrite: { masqueradeAs: "linuxaid.com.cn", masqueradeEnvelope: true },
    },
    files: {
      "etc/mail/genericstable": "li@mail.linuxaid.com.cn\tli.ming@linuxaid.com.cn\n",
      "etc/mail/generics-domains": "mail.linuxaid.com.cn\n",
      "etc/mail/domaintable": "old.example\tnew.example\n",
    },
    zone: { "example.net": { mx: [[10, "mx.example.net"]] }, "mx.example.net": { a: ["127.0.0.31"] } },
    users: ["wang"],
  });
  await dialogue(
    host.smtp,
    `
    S: 220 mail.linuxaid.com.cn ESMTP …
    C: EHLO pc1.linuxaid.com.cn
    S* 250
    C: MAIL FROM:<wang@mail.linuxaid.com.cn>
    S: 250 2.1.0 …
    C: RCPT TO:<friend@example.net>
    S: 250 2.1.5 …
    C: RCPT TO:<wang@linuxaid.com.cn>
    S: 250 2.1.5 …
    C: DATA
    S: 354 …
    C: From:   Wang (the boss)   <wang@mail.linuxaid.com.cn>
    C: Reply-To: li@mail.linuxaid.com.cn
    C: To: friend@example.net, Other <other@old.example>, wang@mail.linuxaid.com.cn
    C: X-Note: wang@mail.linuxaid.com.cn
    C:
    C: From: wang@mail.linuxaid.com.cn
    C: .
    S: 250 2.0.0 … Message accepted for delivery
    C: QUIT
    S: 221 2.0.0 mail.linuxaid.com.cn closing connection
    `,
    { from: LAN },
  );
  const expected = [
    "From:   Wang (the boss)   <wang@linuxaid.com.cn>",
    "Reply-To: li.ming@linuxaid.com.cn",
    "To: friend@example.net, Other <other@new.example>, wang@mail.linuxaid.com.cn",
    "X-Note: wang@mail.linuxaid.com.cn",
    "",
    "From: wang@mail.linuxaid.com.cn",
    "",
  ];
  const [taken] = await sink.taken(1);
  assert.match(taken!.mail, /^<wang@linuxaid\.com\.cn>/);
  assert.ok(taken!.message.toString().endsWith(`\r\n${expected.join("\r\n")}`), taken!.message.toString());
  const [kept] = await host.arrived("wang");
  assert.match(kept!.message.toString(), /^Return-Path: <wang@linuxaid\.com\.cn>$/m);
  assert.ok(kept!.message.toString().includes(expected.slice(0, 5).join("\n")), kept!.message.toString());
});
