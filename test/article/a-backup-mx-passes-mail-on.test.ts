/** The article, section 1: a domain has MX 10 and MX 20; we are the second and pass its mail on to the first, never around. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OUTSIDE, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("a backup MX keeps mail for the better one and leaves out itself and what is worse", async (t) => {
  const worse = await startSink("127.0.0.72", 0, { name: "mx3.partner.example" });
  t.after(() => worse.close());
  const { port } = worse;
  const host = await startHost(t, {
    settings: { relay: { port }, queue: { interval: "300ms" } },
    files: { "etc/mail/relay-domains": "partner.example\n" },
    zone: {
      "partner.example": {
        mx: [
          [10, "mx1.partner.example"],
          [20, "mail.linuxaid.com.cn"],
          [30, "mx3.partner.example"],
        ],
      },
      "mx1.partner.example": { a: ["127.0.0.71"] },
      "mail.linuxaid.com.cn": { a: ["127.0.0.1"] },
      "mx3.partner.example": { a: ["127.0.0.72"] },
    },
  });
  const reply = await sendMail(
    host.smtp,
    { from: "a@example.net", to: "b@partner.example" },
    mailText("backup"),
    { from: OUTSIDE },
  );
  assert.equal(reply.code, 250, reply.text);
  await host.logged(/to=<b@partner\.example>,.* stat=Deferred/);
  const best = await startSink("127.0.0.71", port, { name: "mx1.partner.example" });
  t.after(() => best.close());
  await best.taken(1);
  assert.equal(worse.connections, 0);
});

test("the best MX of a domain that is not ours is a configuration error, told to the sender", async (t) => {
  const host = await startHost(t, {
    users: ["wang"],
    zone: {
      "lost.example": { mx: [[10, "mail.linuxaid.com.cn"]] },
      "mail.linuxaid.com.cn": { a: ["127.0.0.1"] },
    },
  });
  await sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to: "x@lost.example" }, mailText("round"));
  const [report] = await host.arrived("wang");
  assert.match(report!.message.toString(), /mail loops back to me \(MX problem\?\)/);
  assert.match(report!.message.toString(), /^Status: 5\.3\.5/m);
});
