import assert from "node:assert/strict";
import { test } from "node:test";
import { Waits } from "../../src/overload/waits.ts";

test("the median of what came since the last look", () => {
  const waits = new Waits();
  for (const took of [10, 20, 30, 9_000, 40]) waits.note(100, took);
  assert.equal(waits.take(200), 30, "one that hangs is not the whole");
  for (const took of [1, 2, 3, 4, 5, 6]) waits.note(300, took);
  assert.equal(waits.take(400), 4);
});

test("few say nothing until there are more; none for five seconds is nothing", () => {
  const waits = new Waits();
  for (let i = 0; i < 4; i++) waits.note(i, 7_000);
  assert.equal(waits.take(500), 0);
  waits.note(1_000, 7_000);
  assert.equal(waits.take(1_500), 7_000);
  assert.equal(waits.take(5_900), 7_000, "what is slow brings few");
  assert.equal(waits.take(6_100), 0);
});

test("however many there are, only the last ones are kept", () => {
  const waits = new Waits();
  for (let i = 0; i < 10_000; i++) waits.note(1, 60_000);
  for (let i = 0; i < 64; i++) waits.note(2, 5);
  assert.equal(waits.take(3), 5);
});
