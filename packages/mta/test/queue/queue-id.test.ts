import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import fc from "fast-check";
import { isQueueId, queueIdSource } from "../../src/queue/queue-id.ts";

test("an id has Sendmail's form", () => {
  const id = queueIdSource(new ManualClock(Date.UTC(2026, 10, 24, 21, 59, 1)), 12345, 61)();
  assert.equal(id, "6AOLx111012345");
  assert.ok(isQueueId(id));
  assert.ok(!isQueueId("../etc/passwd"));
  assert.ok(!isQueueId("6AOLx11101234y"));
});

test("ids are unique and sort in the order they were drawn, whatever the clock does", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -3000, max: 5000 }), { maxLength: 300 }), (steps) => {
      let now = Date.UTC(2026, 0, 1);
      const next = queueIdSource({ now: () => now, after: () => ({ cancel() {} }) }, 7);
      const ids = steps.map((step) => {
        now += step;
        return next();
      });
      assert.deepEqual(ids, [...new Set(ids)].sort());
    }),
  );
});

test("more ids than a second has run ahead of the clock", () => {
  const next = queueIdSource(new ManualClock(), 7, 0);
  const ids = Array.from({ length: 10_000 }, next);
  assert.equal(new Set(ids).size, 10_000);
  assert.deepEqual(ids, [...ids].sort());
});

test("two processes never draw the same id", () => {
  const clock = new ManualClock();
  const [a, b] = [queueIdSource(clock, 7, 0), queueIdSource(clock, 8, 0)];
  const ids = [...Array.from({ length: 4000 }, a), ...Array.from({ length: 4000 }, b)];
  assert.equal(new Set(ids).size, 8000);
});
