/** How slowly wrong passwords are answered. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { LoginPenalties } from "../../src/auth/login-penalties.ts";

test("1 s, then twice as long each time, at most 16 s", () => {
  const penalties = new LoginPenalties(new ManualClock());
  const delays = [1, 2, 3, 4, 5, 6, 7].map((n) => penalties.failed("192.0.2.1", n));
  assert.deepEqual(delays, [1000, 2000, 4000, 8000, 16_000, 16_000, 16_000]);
});

test("new connections from the same address do not start afresh, others do", () => {
  const penalties = new LoginPenalties(new ManualClock());
  penalties.failed("192.0.2.1", 1);
  assert.equal(penalties.failed("192.0.2.1", 1), 2000);
  assert.equal(penalties.failed("192.0.2.2", 1), 1000);
});

test("an IPv6 client is known by its network", () => {
  const penalties = new LoginPenalties(new ManualClock());
  penalties.failed("2001:db8:0:1:0:0:0:1", 1);
  assert.equal(penalties.failed("2001:db8:0:1:9:9:9:9", 1), 2000);
  assert.equal(penalties.failed("2001:db8:0:2:0:0:0:1", 1), 1000);
});

test("a right password and time are forgiving", async () => {
  const clock = new ManualClock();
  const penalties = new LoginPenalties(clock);
  penalties.failed("192.0.2.1", 1);
  penalties.succeeded("192.0.2.1");
  assert.equal(penalties.failed("192.0.2.1", 1), 1000);
  await clock.advance(16 * 60_000);
  assert.equal(penalties.failed("192.0.2.1", 1), 1000);
});
