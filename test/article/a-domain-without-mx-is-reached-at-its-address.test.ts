/** The article, section 1: `test@aidgroup.linuxaid.com.cn` has no MX record, so the host of that name is called itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LAN, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("a domain without MX is reached at its address, and so is an address literal", async (t) => {
  const sink = await startSink("127.0.0.50", 0, { name: "aidgroup.linuxaid.com.cn" });
  t.after(() => sink.close());
  const host = await startHost(t, {
    settings: { relay: { port: sink.port } },
    zone: { "aidgroup.linuxaid.com.cn": { a: ["127.0.0.50"] } },
  });
  for (const to of ["test@aidgroup.linuxaid.com.cn", "test@[127.0.0.50]"]) {
    const reply = await sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to }, mailText(to), {
      from: LAN,
    });
    assert.equal(reply.code, 250, reply.text);
  }
  const taken = await sink.taken(2);
  assert.deepEqual(taken.map((m) => m.recipients[0]!.split(" ")[0]).toSorted(), [
    "<test@[127.0.0.50]>",
    "<test@aidgroup.linuxaid.com.cn>",
  ]);
});

test("a domain that does not exist goes back at once, one whose DNS fails is tried again", async (t) => {
  const host = await startHost(t, {
    users: ["wang"],
    zone: { "broken.example": "SERVFAIL", "nomail.example": { mx: [[0, "."]], a: ["127.0.0.50"] } },
  });
  for (const to of ["a@absent.example", "b@broken.example", "c@nomail.example"]) {
    const reply = await sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to }, mailText(to), {
      from: LAN,
    });
    assert.equal(reply.code, 250, reply.text);
  }
  await host.logged(/to=<a@absent\.example>,.* dsn=5\.1\.2, stat=/);
  await host.logged(/to=<b@broken\.example>,.* dsn=4\.4\.3, stat=Deferred/);
  await host.logged(/to=<c@nomail\.example>,.* dsn=5\.1\.10, stat=/);
  await host.arrived("wang", 2);
});
