import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { HeapGrowth } from "../src/heap-growth.ts";

test("the heap may grow further while large messages come in, and for ten seconds more", async () => {
  const clock = new ManualClock();
  const set: number[] = [];
  const growth = new HeapGrowth(clock, (percent) => set.push(percent));
  growth.largeMessage();
  assert.deepEqual(set, [300]);
  for (let i = 0; i < 5; i++) {
    await clock.advance(9_000);
    growth.largeMessage();
  }
  assert.deepEqual(set, [300], "set once");
  await clock.advance(9_900);
  assert.deepEqual(set, [300]);
  await clock.advance(200);
  assert.deepEqual(set, [300, 100]);
  await clock.advance(60_000);
  assert.deepEqual(set, [300, 100], "nothing is looked at when nothing comes");
  growth.largeMessage();
  assert.deepEqual(set, [300, 100, 300]);
});

test("a clock that is set back ends it early", async () => {
  const clock = new ManualClock();
  let back = 0;
  const wrong = { now: () => clock.now() - back, after: (ms: number, fn: () => void) => clock.after(ms, fn) };
  const set: number[] = [];
  const growth = new HeapGrowth(wrong, (percent) => set.push(percent));
  growth.largeMessage();
  back = 3_600_000;
  await clock.advance(10_000);
  assert.deepEqual(set, [300, 100]);
});
