import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { collectGarbage, collectWhenIdle, loopBusiness } from "../src/idle-collection.ts";

test("garbage is collected once when mail has ceased for five minutes, and again only after there was more", async () => {
  const clock = new ManualClock();
  const busy: number[] = [];
  let collected = 0;
  const idle = collectWhenIdle({
    clock,
    busy: () => busy.shift() ?? 0,
    collect: () => collected++,
  });
  const minutes = async (...loads: number[]) => {
    busy.push(...loads);
    for (const _ of loads) await clock.advance(60_000);
    return collected;
  };
  assert.equal(await minutes(0.005, 0, 0, 0, 0), 0, "four quiet minutes are not enough");
  assert.equal(await minutes(0.3, 0, 0.001, 0, 0.0049), 0, "one busy minute begins anew");
  assert.equal(await minutes(0), 1);
  assert.equal(await minutes(0, 0, 0, 0, 0, 0, 0), 1, "nothing more to be had");
  assert.equal(await minutes(0.9, 0, 0, 0, 0, 0), 2);
  idle.stop();
  assert.equal(clock.waiting, 0);
});

test("how busy the loop was is told", async () => {
  const busy = loopBusiness();
  await new Promise(setImmediate);
  busy();
  const end = performance.now() + 50;
  while (performance.now() < end);
  await new Promise(setImmediate);
  assert.ok(busy() > 0.3);
});

test("what nothing refers to is gone after a collection", async () => {
  let freed = false;
  const registry = new FinalizationRegistry(() => {
    freed = true;
  });
  (() => registry.register({ large: new Array(1000).fill(0) }, undefined))();
  await new Promise(setImmediate);
  collectGarbage();
  for (let i = 0; i < 100 && !freed; i++) await new Promise(setImmediate);
  assert.ok(freed);
  assert.equal((globalThis as { gc?: unknown }).gc, undefined);
});
