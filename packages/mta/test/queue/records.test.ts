/** What was delivered is on record: soon while others of its message take their time, and in spite of a full disk. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import test, { type TestContext } from "node:test";
import type { Attempt, Mailer } from "../../src/deliver/mailer.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import type { QueueStore } from "../../src/queue/queue-store.ts";
import { startRunner } from "../../src/queue/runner.ts";
import { enqueue, local, settingsWith, temporaryQueue } from "./queue-samples.ts";

const SENT: Outcome = {
  kind: "delivered",
  relay: "local",
  reply: { code: 250, enhanced: "2.0.0", text: "Sent" },
  dsnRelayed: false,
};
const LATER: Outcome = {
  kind: "deferred",
  relay: "local",
  reply: { code: 451, enhanced: "4.2.0", text: "locked" },
};

/** Delivers at once, but for `slow`, who waits for the test. */
function slowMailer() {
  let finish: (outcome: Outcome) => void = () => undefined;
  const slow = new Promise<Outcome>((done) => (finish = done));
  const delivered: string[] = [];
  const mailer: Mailer = {
    name: "local",
    deliver: (attempt: Attempt) =>
      Promise.all(
        attempt.recipients.map(async ({ address }, place) => {
          delivered.push(address);
          const outcome = address.startsWith("slow@") ? await slow : SENT;
          attempt.known?.(place, outcome);
          return outcome;
        }),
      ),
    close: () => Promise.resolve(),
  };
  return { mailer, delivered, finish };
}

async function rig(t: TestContext) {
  const queue = await temporaryQueue(t);
  const slow = slowMailer();
  const fail = { commits: false };
  const changes: number[] = [];
  const store: QueueStore = Object.create(queue.store, {
    change: {
      value: (change: Parameters<QueueStore["change"]>[0]) => {
        if (fail.commits) return Promise.reject(new Error("no space left on device"));
        changes.push(change.update?.length ?? 0);
        return queue.store.change(change);
      },
    },
  });
  for (const name of ["get", "body", "bodyFault", "dueRows", "nextDue", "hold", "isThere"] as const)
    Object.defineProperty(store, name, {
      value: queue.store[name].bind(queue.store),
      configurable: true,
    });
  const start = (isTaken?: (id: string) => boolean) => {
    const runner = startRunner({
      store,
      local: slow.mailer,
      remote: slow.mailer,
      settings: settingsWith("queue: {interval: 20m}"),
      clock: queue.clock,
      log: queue.log,
      hostname: "mail.here.example",
      poll: 3_600_000,
      ...(isTaken === undefined ? {} : { isTaken }),
    });
    t.after(() => runner.stop());
    return runner;
  };
  return { ...queue, ...slow, runnerStore: store, fail, changes, start };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 5000 && !condition(); i++) await new Promise(setImmediate);
  assert.ok(condition(), String(condition));
}

const states = (store: QueueStore, id: string) => store.get(id)?.recipients.map(({ state }) => state);

test("a delivery is recorded within a second while another of the message hangs; the end records the rest", async (t) => {
  const h = await rig(t);
  const runner = h.start();
  const entry = await enqueue(h.store, { recipients: [local("fast@h"), local("slow@h"), local("third@h")] });
  runner.submitted(entry);
  await until(() => h.delivered.length === 3);
  assert.deepEqual(states(h.store, entry.id), ["pending", "pending", "pending"]);
  await h.clock.advance(1000);
  await until(() => states(h.store, entry.id)?.[0] === "delivered");
  // A process that dies now finds one recipient left to try.
  assert.deepEqual(states(h.store, entry.id), ["delivered", "pending", "delivered"]);
  h.finish(LATER);
  await until(() => !runner.isUnderWay(entry.id));
  const left = h.store.get(entry.id);
  assert.deepEqual(
    left?.recipients.map(({ state, attempts }) => `${state} ${attempts}`),
    ["delivered 1", "pending 1", "delivered 1"],
  );
  assert.equal(h.log.lines.filter((line) => line.includes("stat=Sent")).length, 2);
  await h.clock.advance(20 * 60_000);
  runner.wake();
  await until(() => h.delivered.length === 4);
  assert.equal(h.delivered[3], "slow@h");
});

test("where all is known at once there is one record", async (t) => {
  const h = await rig(t);
  const runner = h.start();
  const entry = await enqueue(h.store, { recipients: [local("a@h"), local("b@h")] });
  runner.submitted(entry);
  await runner.idle();
  await h.clock.advance(5000);
  assert.equal(h.store.count(), 0);
  assert.deepEqual(h.changes, [0]);
});

test("with a full disk at a reload the old runner records when it can, and the new one delivers nothing again", async (t) => {
  const h = await rig(t);
  const old = h.start();
  h.fail.commits = true;
  const entry = await enqueue(h.store, { recipients: [local("fast@h")] });
  old.submitted(entry);
  await until(() => h.log.lines.some((line) => line.includes("result not recorded")));
  const retired = old.retire();
  const fresh = h.start((id) => old.isUnderWay(id));
  await h.clock.advance(5000);
  fresh.wake();
  await h.clock.advance(5000);
  assert.deepEqual(h.delivered, ["fast@h"]);
  h.fail.commits = false;
  await h.clock.advance(5000);
  await retired;
  fresh.wake();
  await fresh.idle();
  assert.deepEqual(h.delivered, ["fast@h"]);
  assert.equal(h.store.count(), 0);
});

test("a host that stops with a full disk does not wait for it", async (t) => {
  const h = await rig(t);
  const runner = h.start();
  h.fail.commits = true;
  runner.submitted(await enqueue(h.store, { recipients: [local("fast@h")] }));
  await until(() => h.log.lines.some((line) => line.includes("result not recorded")));
  const stopped = runner.stop();
  await h.clock.advance(5000);
  await stopped;
});

test("a message that was removed while it waited for its turn and is imported again is delivered", async (t) => {
  const h = await rig(t);
  const runner = h.start();
  const blocking = await enqueue(h.store, { recipients: [local("slow@h")] });
  runner.submitted(blocking);
  await until(() => h.delivered.length === 1);
  const entry = await enqueue(h.store, { recipients: [local("fast@h")] });
  const body = h.store.body(entry).stream();
  const bytes = [];
  for await (const piece of body) bytes.push(piece);
  // The runner meets with the gap that the removal has left.
  const gone = { ...entry, recipients: entry.recipients.map((r) => ({ ...r })) };
  const get = h.store.get.bind(h.store);
  Object.defineProperty(h.runnerStore, "get", { value: () => undefined, configurable: true });
  Object.defineProperty(h.runnerStore, "isThere", { value: () => false, configurable: true });
  runner.wake();
  for (let i = 0; i < 50; i++) await new Promise(setImmediate);
  assert.deepEqual(h.delivered, ["slow@h"]);
  Object.defineProperty(h.runnerStore, "get", { value: get });
  assert.ok(await h.store.discard(entry.id));
  assert.ok(await h.store.restore(gone, Readable.from(bytes)));
  runner.wake();
  await until(() => h.delivered.length === 2);
  h.finish(SENT);
});
