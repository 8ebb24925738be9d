/** Recipients at one destination share a connection and a copy; a destination that hangs costs the others nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("recipients at the same destination share one connection and one copy", async (t) => {
  const sink = await startSink("127.0.0.31", 0);
  t.after(() => sink.close());
  const host = await startHost(t, {
    settings: { relay: { port: sink.port } },
    zone: {
      "example.net": { mx: [[10, "mx.shared.example"]] },
      "example.org": { mx: [[10, "mx.shared.example"]] },
      "mx.shared.example": { a: ["127.0.0.31"] },
    },
  });
  const to = Array.from({ length: 20 }, (_, i) => `user${i}@example.net`);
  await sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to }, mailText("to many"));
  const [taken] = await sink.taken(1);
  assert.equal(taken!.recipients.length, 20);
  assert.equal(sink.messages.length, 1);
  assert.equal(sink.connections, 1);
});

test("a destination that hangs delays neither another nor local mail", async (t) => {
  const dead = await startSink("127.0.0.33", 0, { reply: () => "silence" });
  t.after(() => dead.close());
  const sink = await startSink("127.0.0.31", dead.port);
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { port: dead.port, greetingTimeout: "2m" } },
    zone: { "dead.example": { a: ["127.0.0.33"] }, "example.net": { a: ["127.0.0.31"] } },
  });
  for (let i = 0; i < 50; i++) {
    await sendMail(
      host.smtp,
      { from: "wang@linuxaid.com.cn", to: `u${i}@dead.example` },
      mailText(`dead ${i}`),
    );
  }
  const began = Date.now();
  await sendMail(
    host.smtp,
    { from: "wang@linuxaid.com.cn", to: ["a@dead.example", "b@example.net", "wang@linuxaid.com.cn"] },
    mailText("mixed"),
  );
  await sink.taken(1, 60_000);
  await host.arrived("wang", 1, 60_000);
  assert.ok(Date.now() - began < 60_000, "long before the dead one is given up");
  assert.ok(dead.connections <= 20, "and the dead one is not stormed");
});
