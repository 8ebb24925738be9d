import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import fc from "fast-check";
import { MailboxBatches } from "../../src/deliver/mailbox-batches.ts";
import { LONGEST, MOST_OCTETS, NOTHING_COMES, QUIET, WORTH_IT } from "../../src/deliver/mailbox-gathering.ts";

/** Batches that are written at once, and what was written when. */
function rig(t: TestContext, sizeOf: (item: number) => number = () => 1, isComing?: () => boolean) {
  const clock = new ManualClock();
  const start = clock.now();
  const written: { readonly name: string; readonly items: readonly number[]; readonly at: number }[] = [];
  const batches = new MailboxBatches<number, number>({
    clock,
    sizeOf,
    ...(isComing === undefined ? {} : { isComing }),
    write({ name, items }) {
      written.push({ name, items, at: clock.now() - start });
      return Promise.resolve([...items]);
    },
  });
  // Letters that wait keep a process alive.
  t.after(() => batches.hurry());
  return {
    clock,
    batches,
    written,
    sizes: () => written.map(({ items }) => items.length),
    times: () => written.map(({ at }) => at),
    /** Letters that come so far apart (ms). */
    async comes(name: string, count: number, apart: number) {
      for (let i = 0; i < count; i++) {
        void batches.add(name, i);
        await clock.advance(apart);
      }
    },
  };
}

test("the first letter of a quiet mailbox goes at once", async (t) => {
  const r = rig(t);
  await r.comes("bob", 1, 0);
  assert.deepEqual(r.times(), [0]);
  await r.clock.advance(2000);
  await r.comes("bob", 1, 0);
  assert.deepEqual(r.times(), [0, 2000]);
});

test("mail that comes seldom goes at once, however busy the host is", async (t) => {
  const r = rig(t);
  for (let i = 0; i < 10; i++) {
    await r.comes("bob", 1, 0);
    await r.comes(`busy`, 50, 10);
  }
  assert.equal(r.written.filter(({ name }) => name === "bob").length, 10);
});

test("a burst waits until it is worth a batch", async (t) => {
  const r = rig(t);
  await r.comes("bob", 1 + 2 * WORTH_IT, 5);
  assert.deepEqual(r.sizes(), [1, WORTH_IT, WORTH_IT]);
});

test("a burst that gets thin waits no longer than that", async (t) => {
  const r = rig(t);
  await r.comes("other", 1, 0);
  for (let i = 0; i < 200; i++) {
    void r.batches.add("other", i);
    if (i % 10 === 0) void r.batches.add("bob", i);
    await r.clock.advance(10);
  }
  const times = r.written.filter(({ name }) => name === "bob").map(({ at }) => at);
  assert.deepEqual(
    times.slice(0, 3).map((at) => Math.round(at / LONGEST)),
    [0, 1, 2],
  );
  assert.ok(times[1]! - 100 <= LONGEST);
});

test("all goes when the host has become quiet", async (t) => {
  const r = rig(t);
  for (const name of ["bob", "eve"]) for (let i = 0; i < 3; i++) await r.comes(name, 1, 1);
  assert.deepEqual(r.sizes(), [1, 1]);
  await r.clock.advance(QUIET - 2);
  assert.deepEqual(r.sizes(), [1, 1]);
  await r.clock.advance(1);
  assert.deepEqual(r.sizes(), [1, 1, 2, 2]);
  assert.equal(r.clock.waiting, 0);
});

test("all goes a moment after the last message when none is on its way, and not while one is", async (t) => {
  let onTheirWay = 1;
  const r = rig(
    t,
    () => 1,
    () => onTheirWay > 0,
  );
  for (const name of ["bob", "eve"]) for (let i = 0; i < 3; i++) await r.comes(name, 1, 1);
  await r.clock.advance(2 * NOTHING_COMES);
  assert.deepEqual(r.sizes(), [1, 1]);
  onTheirWay = 0;
  await r.clock.advance(NOTHING_COMES);
  assert.deepEqual(r.sizes(), [1, 1, 2, 2]);
  assert.equal(r.clock.waiting, 0);
  await r.comes("bob", 3, NOTHING_COMES - 1);
  assert.deepEqual(r.sizes(), [1, 1, 2, 2]);
  await r.clock.advance(1);
  assert.deepEqual(r.sizes(), [1, 1, 2, 2, 3]);
  assert.equal(r.clock.waiting, 0);
});

test("a message that is long on its way keeps nobody waiting longer than a quiet host does", async (t) => {
  const r = rig(
    t,
    () => 1,
    () => true,
  );
  await r.comes("bob", 3, 1);
  await r.clock.advance(QUIET - 2);
  assert.deepEqual(r.sizes(), [1]);
  await r.clock.advance(1);
  assert.deepEqual(r.sizes(), [1, 2]);
});

test("what waits is bounded in octets, for all mailboxes together", async (t) => {
  const r = rig(t, () => MOST_OCTETS / 4);
  for (const name of ["a", "b", "c"]) await r.comes(name, 2, 1);
  assert.deepEqual(r.sizes(), [1, 1, 1]);
  await r.comes("c", 1, 1);
  assert.deepEqual(r.sizes(), [1, 1, 1]);
  await r.comes("a", 1, 1);
  assert.deepEqual(r.sizes(), [1, 1, 1, 2, 1, 2]);
});

test("nobody waits once the host stops, and it can be waited for", async (t) => {
  const r = rig(t);
  await r.comes("bob", 5, 1);
  assert.deepEqual(r.sizes(), [1]);
  r.batches.hurry();
  await r.batches.idle();
  assert.deepEqual(r.sizes(), [1, 4]);
  await r.comes("bob", 3, 0);
  assert.deepEqual(r.sizes(), [1, 4, 1, 1, 1]);
});

test("a clock that is set back keeps nobody waiting", async (t) => {
  const r = rig(t);
  await r.comes("bob", 3, 1);
  const later = r.clock.now();
  r.clock.now = () => later - 3_600_000;
  await r.clock.advance(QUIET);
  assert.deepEqual(r.sizes(), [1, 2]);
});

test("no letter waits longer than the longest, and each has one result", async () => {
  const arrival = fc.record({
    mailbox: fc.nat(3),
    after: fc.nat(60),
    size: fc.nat(Math.floor(MOST_OCTETS / 3)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(arrival, { maxLength: 60 }), fc.nat(30), async (arrivals, writing) => {
      const clock = new ManualClock();
      const came: number[] = [];
      const began: number[] = [];
      const results: number[] = [];
      const isWritten = new Set<string>();
      const batches = new MailboxBatches<number, number>({
        clock,
        sizeOf: (item) => arrivals[item]!.size,
        async write({ name, items }) {
          assert.ok(!isWritten.has(name), "one batch of a mailbox at a time");
          isWritten.add(name);
          for (const item of items) began[item] = clock.now();
          await new Promise<void>((done) => clock.after(writing, done));
          isWritten.delete(name);
          return items.map((item) => item);
        },
      });
      for (const [i, { mailbox, after }] of arrivals.entries()) {
        came[i] = clock.now();
        void batches.add(`box${mailbox}`, i).then((result) => results.push(result));
        await clock.advance(after);
      }
      await clock.advance(LONGEST + 2 * writing);
      assert.deepEqual(
        results.sort((a, b) => a - b),
        arrivals.map((_, i) => i),
      );
      for (const [i, at] of came.entries()) assert.ok(began[i]! - at <= LONGEST + writing, `letter ${i}`);
    }),
    { numRuns: 60 },
  );
});
