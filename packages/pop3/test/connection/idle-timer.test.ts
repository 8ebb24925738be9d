/** The autologout timer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { IdleTimer } from "../../src/connection/idle-timer.ts";

function timer(): { clock: ManualClock; idle: IdleTimer; fired: () => number } {
  const clock = new ManualClock();
  let fired = 0;
  const idle = new IdleTimer(clock, 1000, () => {
    fired++;
  });
  return { clock, idle, fired: () => fired };
}

test("runs out while armed, stands still while not", async () => {
  const { clock, idle, fired } = timer();
  idle.arm();
  await clock.advance(600);
  idle.disarm();
  await clock.advance(5000);
  idle.arm();
  await clock.advance(399);
  assert.equal(fired(), 0);
  await clock.advance(1);
  assert.equal(fired(), 1);
});

test("a sign of life gives the whole time again", async () => {
  const { clock, idle, fired } = timer();
  idle.arm();
  for (let i = 0; i < 5; i++) {
    await clock.advance(900);
    idle.touch();
  }
  assert.equal(fired(), 0);
  await clock.advance(1000);
  assert.equal(fired(), 1);
});
