/** The article, section 1: while the target host is away its mail stays in the queue, and goes when the host is back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { LAN, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("mail is kept for an absent target host, over a restart too, and goes when the host is back", async (t) => {
  const before = await startSink("127.0.0.60", 0);
  const { port } = before;
  await before.close();
  const host = await startHost(t, {
    settings: { relay: { port }, queue: { interval: "300ms" } },
    zone: { "away.example": { mx: [[10, "mx.away.example"]] }, "mx.away.example": { a: ["127.0.0.60"] } },
  });
  const reply = await sendMail(
    host.smtp,
    { from: "wang@linuxaid.com.cn", to: "ideal@away.example" },
    mailText("kept"),
    { from: LAN },
  );
  assert.equal(reply.code, 250, reply.text);
  await host.logged(/to=<ideal@away\.example>,.* stat=Deferred: .*refused/i);

  const queue = await host.mailhost(["queue", "list", "--json"]);
  assert.equal(queue.code, 0, queue.stderr);
  assert.match(queue.stdout, /ideal@away\.example/);
  const mailq = await host.command("mailq", []);
  assert.match(mailq.stdout, /\(Deferred: .*\)/);
  assert.match(mailq.stdout, /Total requests: 1\s*$/);

  await host.restart();
  const sink = await startSink("127.0.0.60", port);
  t.after(() => sink.close());
  const [taken] = await sink.taken(1, 30_000);
  assert.match(taken!.message.toString(), /^Subject: kept\r$/m);
  await eventually(async () => (await host.command("mailq", [])).stdout.includes("is empty"), {
    what: "an empty queue",
  });
  assert.match((await host.mailhost(["queue", "list"])).stdout, /the queue is empty/);
});

test("`mailhost queue run` tries what is waiting at once", async (t) => {
  const before = await startSink("127.0.0.61", 0);
  const { port } = before;
  await before.close();
  const host = await startHost(t, {
    settings: { relay: { port }, queue: { interval: "1h" } },
    zone: { "away.example": { a: ["127.0.0.61"] } },
  });
  await sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to: "ideal@away.example" }, mailText("kept"), {
    from: LAN,
  });
  await host.logged(/stat=Deferred/);
  const sink = await startSink("127.0.0.61", port);
  t.after(() => sink.close());
  const run = await host.mailhost(["queue", "run"]);
  assert.equal(run.code, 0, run.stderr);
  await sink.taken(1);
});
