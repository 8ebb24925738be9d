import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { nextAttemptAt, returnAt, SHORTEST_WAIT, waitAfter } from "../../src/queue/schedule.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TIMES = { interval: 20 * MINUTE, warnAfter: 4 * HOUR, returnAfter: 120 * HOUR };

test("waits double from the interval to 16 of it", () => {
  const waits = [1, 2, 3, 4, 5, 6, 20].map((n) => waitAfter(n, TIMES) / TIMES.interval);
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 16, 16]);
});

test("neither the warning nor the return is slept through", () => {
  const entry = { receivedAt: 0, attempts: 4, warnedAt: 0 };
  const now = 3 * HOUR;
  assert.equal(nextAttemptAt(entry, now, [undefined], TIMES), 4 * HOUR);
  assert.equal(nextAttemptAt({ ...entry, warnedAt: 1 }, now, [undefined], TIMES), now + 8 * TIMES.interval);
  const late = { receivedAt: 0, attempts: 30, warnedAt: 1 };
  assert.equal(nextAttemptAt(late, 119 * HOUR, [undefined], TIMES), 120 * HOUR);
});

test("the earliest wish of the recipients counts", () => {
  const entry = { receivedAt: 0, attempts: 1, warnedAt: 0 };
  assert.equal(nextAttemptAt(entry, 0, [undefined, 5 * MINUTE], TIMES), 5 * MINUTE);
  assert.equal(nextAttemptAt(entry, 0, [undefined, 25 * MINUTE], TIMES), 20 * MINUTE);
  assert.equal(nextAttemptAt(entry, 0, [45 * MINUTE], TIMES), 45 * MINUTE);
});

test("minAge: no attempt follows another sooner, whatever its destination asks for", () => {
  const entry = { receivedAt: 0, attempts: 1, warnedAt: 0 };
  assert.equal(nextAttemptAt(entry, 0, [5 * MINUTE], { ...TIMES, minAge: 30 * MINUTE }), 30 * MINUTE);
});

const times = fc
  .record({
    interval: fc.integer({ min: 1, max: 100 * HOUR }),
    warnAfter: fc.integer({ min: 1, max: 200 * HOUR }),
    returnAfter: fc.integer({ min: 1, max: 500 * HOUR }),
  })
  .map((t) => ({ ...t }));

test("property: the wait never shrinks with attempts and stays within 1 to 16 intervals", () => {
  fc.assert(
    fc.property(times, fc.integer({ min: 1, max: 2000 }), (t, attempts) => {
      const wait = waitAfter(attempts, t);
      assert.ok(wait >= t.interval && wait <= 16 * t.interval);
      assert.ok(waitAfter(attempts + 1, t) >= wait);
    }),
  );
});

test("property: the next attempt is in the future, and no later than the return unless that is past", () => {
  fc.assert(
    fc.property(
      times,
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 0, max: 600 * HOUR }),
      fc.array(fc.option(fc.integer({ min: -HOUR, max: 1000 * HOUR }), { nil: undefined }), { maxLength: 5 }),
      (t, attempts, now, retryAt) => {
        const entry = { receivedAt: 0, attempts, warnedAt: 0 };
        const next = nextAttemptAt(entry, now, retryAt, t);
        assert.ok(next >= now + Math.min(SHORTEST_WAIT, t.interval));
        assert.ok(next <= Math.max(returnAt(entry, t), now + SHORTEST_WAIT));
      },
    ),
  );
});
