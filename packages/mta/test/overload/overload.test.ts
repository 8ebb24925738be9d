import assert from "node:assert/strict";
import { test } from "node:test";
import type { Log } from "@mailhost/common/log/log";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import type { Attempt, Mailer } from "../../src/deliver/mailer.ts";
import { openOverload } from "../../src/overload/overload.ts";
import type { NewMessage, QueueEntry } from "../../src/queue/queue-entry.ts";
import type { MessageWriter } from "../../src/queue/queue-store.ts";

/** A clock that may run on between two timers, as it does for a program that gets no turn. */
class HeldUpClock extends ManualClock {
  late = 0;
  override now(): number {
    return super.now() + this.late;
  }
}

function rig() {
  const clock = new HeldUpClock();
  const lines: string[] = [];
  const log: Log = { write: (_level, line) => void lines.push(line), close: () => Promise.resolve() };
  const overload = openOverload({ clock, log });
  const held: (() => void)[] = [];
  const store = overload.watchStore({
    newId: () => "Q1",
    receive: (id = "Q1") =>
      ({
        id,
        size: 0,
        holdsPieces: true,
        write: () => Promise.resolve(),
        commit: () => new Promise<QueueEntry>((done) => held.push(() => done({} as QueueEntry))),
        abort: () => Promise.resolve(),
      }) satisfies MessageWriter,
  });
  const commit = () => void store.receive().commit({} as NewMessage);
  return {
    clock,
    lines,
    overload,
    commit,
    /** Ends the commits under way. */
    sync: async () => {
      for (const done of held.splice(0)) done();
      await clock.advance(0);
    },
    refused: (ours: boolean) => [
      overload.refusesConnection(() => ours)?.code,
      overload.refusesMail(() => ours)?.code,
    ],
  };
}

const NO = [undefined, undefined];
const YES = [421, 451];

test("commits that nobody gets done: strangers are refused, then everybody, and all are welcome again", async () => {
  const { clock, lines, overload, commit, sync, refused } = rig();
  for (let i = 0; i < 20; i++) commit();
  await clock.advance(2_000);
  assert.deepEqual([refused(false), refused(true)], [NO, NO]);
  await clock.advance(2_000);
  assert.deepEqual([refused(false), refused(true)], [YES, NO]);
  await clock.advance(6_000);
  assert.deepEqual([refused(false), refused(true)], [YES, YES]);
  assert.equal(overload.refusesMail(() => false)?.enhanced, "4.3.2");
  await sync();
  // What they took is remembered for a while, then there is nothing that would be slow.
  await clock.advance(8_000);
  assert.deepEqual([refused(false), refused(true), overload.level], [NO, NO, "none"]);
  assert.equal(lines.length, 3, lines.join("\n"));
  assert.match(
    lines[0]!,
    /^rejecting connections from outside on daemon MTA: too busy: a commit takes [23]\.\d s, /,
  );
  assert.match(lines[1]!, /^rejecting all connections on daemon MTA: too busy: /);
  assert.match(
    lines[2]!,
    /^accepting connections again for daemon MTA after \d+\.\d s: 3 connections and 4 messages were refused$/,
  );
});

test("few that wait long, such as large messages on a slow disk, are no reason", async () => {
  const { clock, commit, sync, refused } = rig();
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 4; i++) commit();
    await clock.advance(5_000);
    assert.deepEqual(refused(false), NO);
    await sync();
  }
});

test("many that are committed one after another, slowly, are", async () => {
  const { clock, commit, sync, refused } = rig();
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 50; i++) commit();
    await clock.advance(2_400);
    await sync();
  }
  await clock.advance(500);
  assert.deepEqual(refused(false), YES);
});

test("an event loop that is late again and again refuses, one long pause does not", async () => {
  const { clock, refused } = rig();
  clock.late += 60_000;
  await clock.advance(500);
  await clock.advance(500);
  await clock.advance(500);
  assert.deepEqual(refused(false), NO);
  for (let i = 0; i < 3; i++) {
    clock.late += 1_500;
    await clock.advance(500);
  }
  assert.deepEqual([refused(false), refused(true)], [YES, NO]);
  await clock.advance(3_000);
  assert.deepEqual(refused(false), NO);
});

/** A mailer of this host that delivers, and messages for it. */
function deliveries(clock: ManualClock, watch: (mailer: Mailer) => Mailer) {
  let result: "delivered" | "deferred" = "delivered";
  const mailer = watch({
    name: "local",
    deliver: (attempt) =>
      Promise.resolve(
        attempt.recipients.map(() => ({ kind: result, relay: "local", dsnRelayed: false }) as never),
      ),
    close: () => Promise.resolve(),
  });
  const deliver = async (count: number, ago: number, over: Partial<QueueEntry> = {}) => {
    const receivedAt = clock.now() - ago;
    const entry = { id: "Q1", attempts: 0, receivedAt, nextAttemptAt: receivedAt, ...over };
    const recipients = [{ target: { kind: "mailbox", name: "joe" } }];
    for (let i = 0; i < count; i++) await mailer.deliver({ entry, recipients } as unknown as Attempt);
  };
  return { deliver, fails: () => (result = "deferred") };
}

test("delivery that falls behind: MAIL waits a second, then strangers are refused", async () => {
  const { clock, lines, overload, refused } = rig();
  const { deliver } = deliveries(clock, (mailer) => overload.watchMailer(mailer));
  const behind = async (ms: number) => {
    for (let i = 0; i < 8; i++) {
      await deliver(20, ms);
      await clock.advance(500);
    }
  };
  await behind(300);
  assert.equal(overload.slowDown(), undefined);
  await behind(7_000);
  assert.deepEqual([overload.level, refused(false)], ["slow", NO]);
  let waited = false;
  const waiting = overload.slowDown()!.then(() => (waited = true));
  await clock.advance(900);
  assert.equal(waited, false);
  await clock.advance(200);
  await waiting;
  await behind(40_000);
  assert.deepEqual([refused(false), refused(true)], [YES, NO]);
  await behind(100);
  assert.equal(overload.level, "none");
  assert.match(lines[0]!, /^delaying messages on daemon MTA: delivery is behind: .*a delivery 7\.0 s/);
});

test("a locked mailbox, a program and mail that waited for its time say nothing of the host", async () => {
  const { clock, overload } = rig();
  const { deliver, fails } = deliveries(clock, (mailer) => overload.watchMailer(mailer));
  for (let i = 0; i < 8; i++) {
    await deliver(20, 90_000, { attempts: 1 });
    await deliver(20, 90_000, { nextAttemptAt: clock.now() });
    await clock.advance(500);
  }
  fails();
  for (let i = 0; i < 8; i++) {
    await deliver(20, 90_000);
    await clock.advance(500);
  }
  assert.equal(overload.level, "none");
});

test("it stops looking when it is closed", async () => {
  const { clock, overload } = rig();
  overload.close();
  assert.equal(clock.waiting, 0);
  await clock.advance(10_000);
});
