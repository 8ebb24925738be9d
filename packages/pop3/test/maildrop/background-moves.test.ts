import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { BackgroundMoves, type Move } from "../../src/maildrop/background-moves.ts";
import { memoryLog } from "../harness/server.ts";

/** A move that ends when it is told to. */
function move() {
  let finish: () => void = () => undefined;
  const running = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return { mbox: "wang", run: () => running, again: () => Promise.resolve(), finish: () => finish() };
}

test("two go on at a time, and the end waits for them", async () => {
  const moves = new BackgroundMoves({ clock: new ManualClock(), log: memoryLog([]) });
  const [one, two, three] = [move(), move(), move()];
  assert.deepEqual([moves.start(one), moves.start(two), moves.start(three)], [true, true, false]);
  one.finish();
  await new Promise(setImmediate);
  assert.equal(moves.start(three), true);
  let over = false;
  const stopping = moves.stop().then(() => {
    over = true;
  });
  two.finish();
  await new Promise(setImmediate);
  assert.equal(over, false);
  assert.equal(moves.start(move()), false, "nothing new once it stops");
  three.finish();
  await stopping;
});

test("the end does not wait for ever: the journal keeps what is left", async () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const moves = new BackgroundMoves({ clock, log: memoryLog(lines) });
  moves.start(move());
  const stopping = moves.stop();
  await clock.advance(20_000);
  await stopping;
  assert.deepEqual(lines, ["warn removals are left to the next start"]);
});

test("one that fails is logged and tried again each minute until it works", async () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const moves = new BackgroundMoves({ clock, log: memoryLog(lines) });
  let tries = 0;
  const failing: Move = {
    mbox: "wang",
    run: () => Promise.reject(new Error("EIO")),
    again: () => (++tries < 3 ? Promise.reject(new Error("EIO")) : Promise.resolve()),
  };
  moves.start(failing);
  await new Promise(setImmediate);
  for (let minute = 0; minute < 5; minute++) await clock.advance(60_000);
  assert.equal(tries, 3);
  assert.equal(
    lines.filter((line) => line.startsWith("error wang: a removal could not be finished")).length,
    3,
  );
  await moves.stop();
});
