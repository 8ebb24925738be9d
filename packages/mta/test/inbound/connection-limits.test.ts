import assert from "node:assert/strict";
import { test } from "node:test";
import { openConnectionLimits } from "../../src/inbound/connection-limits.ts";

function open(total = 100, perClient = 100) {
  const clock = { now: 0 };
  const limits = openConnectionLimits(
    () => ({ total, perClient }),
    () => clock.now,
  );
  return { clock, limits };
}

function place(limits: ReturnType<typeof open>["limits"], ip: string, bounded = true) {
  const entered = limits.enter(ip, bounded);
  assert.ok("leave" in entered, JSON.stringify(entered));
  return entered;
}

test("a connection counts for a minute, a session while it is open", () => {
  const { clock, limits } = open();
  const first = place(limits, "192.0.2.1");
  assert.deepEqual([first.open, first.rate], [1, 1]);
  clock.now = 30_000;
  const second = place(limits, "192.0.2.1");
  assert.deepEqual([second.open, second.rate], [2, 2]);
  first.leave();
  first.leave();
  clock.now = 65_000;
  const third = place(limits, "192.0.2.1", false);
  assert.deepEqual([third.open, third.rate], [2, 2], "the first is more than a minute ago");
  assert.deepEqual([place(limits, "192.0.2.2").open, place(limits, "192.0.2.2").rate], [1, 2]);
});

test("bounds in all and for one address; a refusal is not counted", () => {
  const { limits } = open(3, 1);
  const a = place(limits, "192.0.2.1");
  assert.ok("refusal" in limits.enter("192.0.2.1", true));
  place(limits, "192.0.2.1", false);
  place(limits, "192.0.2.2");
  const refused = limits.enter("192.0.2.3", true);
  assert.ok("refusal" in refused && refused.refusal.code === 421);
  assert.equal(limits.full()?.code, 421, "nobody has to be looked at");
  a.leave();
  assert.equal(limits.full(), undefined);
  place(limits, "192.0.2.1");
});

test("turns: so many a second, the others wait for the seconds to come", () => {
  const { clock, limits } = open();
  for (let i = 0; i < 7; i++) place(limits, "192.0.2.1");
  assert.deepEqual(
    Array.from({ length: 7 }, () => limits.turn(3)),
    [0, 0, 0, 1000, 1000, 1000, 2000],
  );
  clock.now = 5000;
  assert.equal(limits.turn(3), 0);
  assert.equal(limits.turn(0), 0);
});

test("turns: a flood that has gone away keeps nobody waiting", () => {
  const { limits } = open();
  for (let i = 0; i < 1000; i++) {
    const { leave } = place(limits, "192.0.2.1");
    limits.turn(3);
    leave();
  }
  place(limits, "192.0.2.2");
  assert.ok(limits.turn(3) <= 1000);
});
