/** Mail of a local user to somebody whose home is away waits, and goes where it should when the home is back. */
import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import type { Attempt, Mailer } from "../../src/deliver/mailer.ts";
import { type ResolveLate, unresolved } from "../../src/queue/late-recipients.ts";
import type { QueueRecipient } from "../../src/queue/queue-entry.ts";
import { startRunner } from "../../src/queue/runner.ts";
import { enqueue, local, remote, settingsWith, temporaryQueue } from "./queue-samples.ts";

const INTERVAL = 20 * 60_000;
const AWAY = { code: 451, enhanced: "4.3.0", text: "joe... transient .forward open error" };
const waiting: QueueRecipient = { address: "joe", target: unresolved(AWAY), state: "pending" };

async function rig(t: TestContext) {
  const queue = await temporaryQueue(t);
  const delivered: string[] = [];
  const mailer = (name: string): Mailer => ({
    name,
    deliver: ({ recipients }: Attempt) =>
      Promise.resolve(
        recipients.map(({ address, target, sender }) => {
          if (target.kind === "error") {
            const kind = target.reply.code < 500 ? "deferred" : "failed";
            return { kind, relay: "", reply: target.reply } as const;
          }
          delivered.push(`${address}${sender === undefined ? "" : ` from ${sender}`}`);
          const reply = { code: 250, enhanced: "2.0.0", text: "Sent" };
          return { kind: "delivered", relay: name, reply, dsnRelayed: false } as const;
        }),
      ),
    close: () => Promise.resolve(),
  });
  const answer: { now: Awaited<ReturnType<ResolveLate>> | Error } = {
    now: { kind: "refused", reply: AWAY },
  };
  const runner = startRunner({
    store: queue.store,
    local: mailer("local"),
    remote: mailer("esmtp"),
    settings: settingsWith("queue: {interval: 20m}"),
    clock: queue.clock,
    log: queue.log,
    hostname: "mail.here.example",
    resolveLate: async (address) => {
      assert.equal(address, "joe");
      if (answer.now instanceof Error) throw answer.now;
      return answer.now;
    },
  });
  t.after(() => runner.stop());
  const settled = async () => {
    await runner.idle();
    await queue.clock.advance(1000);
    await runner.idle();
  };
  return { ...queue, delivered, answer, runner, settled };
}

test("it waits while nothing can be said, and each of those it is for gets one copy then", async (t) => {
  const h = await rig(t);
  const entry = await enqueue(h.store, {
    recipients: [waiting, local("bob@here.example")],
  });
  h.runner.submitted(entry);
  await h.settled();
  assert.deepEqual(h.delivered, ["bob@here.example"]);
  assert.equal(h.store.get(entry.id)?.recipients[0]?.lastReply?.text, AWAY.text);
  h.answer.now = new Error("the table cannot be read");
  await h.clock.advance(INTERVAL);
  await h.settled();
  assert.equal(h.store.count(), 1);
  h.answer.now = {
    kind: "targets",
    recipients: [
      local("joe@here.example"),
      local("bob@here.example"),
      { ...remote("joe@far.example"), sender: "owner@here.example" } as QueueRecipient,
    ],
  };
  await h.clock.advance(2 * INTERVAL);
  await h.settled();
  assert.deepEqual(h.delivered.toSorted(), [
    "bob@here.example",
    "joe@far.example from owner@here.example",
    "joe@here.example",
  ]);
  assert.equal(h.store.count(), 0);
});

test("one who is gone by then goes back to the sender; a report keeps its empty sender", async (t) => {
  const h = await rig(t);
  h.answer.now = { kind: "refused", reply: { code: 550, enhanced: "5.1.1", text: "joe... User unknown" } };
  h.runner.submitted(await enqueue(h.store, { recipients: [waiting] }));
  await h.settled();
  assert.deepEqual(h.delivered, ["sender@origin.example"]);
  h.answer.now = {
    kind: "targets",
    recipients: [{ ...remote("x@far.example"), sender: "owner@here.example" } as QueueRecipient],
  };
  h.runner.submitted(await enqueue(h.store, { recipients: [waiting], sender: "", isReport: true }));
  await h.settled();
  assert.deepEqual(h.delivered, ["sender@origin.example", "x@far.example"]);
});

test("a report whose way cannot be found now waits too", async (t) => {
  const queue = await temporaryQueue(t);
  const failing: Mailer = {
    name: "esmtp",
    deliver: ({ recipients }) =>
      Promise.resolve(
        recipients.map(({ target }) =>
          target.kind === "error"
            ? { kind: "deferred", relay: "", reply: target.reply }
            : { kind: "failed", relay: "mx", reply: { code: 550, enhanced: "5.1.1", text: "no" } },
        ),
      ),
    close: () => Promise.resolve(),
  };
  const runner = startRunner({
    store: queue.store,
    local: failing,
    remote: failing,
    settings: settingsWith(""),
    clock: queue.clock,
    log: queue.log,
    hostname: "mail.here.example",
    resolve: () => Promise.reject(new Error("the table cannot be read")),
  });
  t.after(() => runner.stop());
  runner.submitted(await enqueue(queue.store, { recipients: [remote("a@far.example")] }));
  await runner.idle();
  const [report] = [...queue.store.list()];
  assert.equal(report?.isReport, true);
  assert.deepEqual(
    report?.recipients.map(({ address, state }) => `${address} ${state}`),
    ["sender@origin.example pending"],
  );
});
