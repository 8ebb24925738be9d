import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { OrderTurns } from "../../src/deliver/order-turns.ts";

/** Orders under way, in the order of their begin; each ends, or gives its place up, when told. */
function turnsOf(): {
  readonly turns: OrderTurns<number>;
  readonly begun: number[];
  readonly end: (order: number) => Promise<void>;
  readonly giveUp: (order: number) => void;
} {
  const begun: number[] = [];
  const ends = new Map<number, () => void>();
  const places = new Map<number, () => void>();
  const turns = new OrderTurns<number>((order, givePlaceUp) => {
    begun.push(order);
    places.set(order, givePlaceUp);
    return new Promise<void>((done) => ends.set(order, done));
  });
  return {
    turns,
    begun,
    async end(order) {
      ends.get(order)!();
      await turn();
    },
    giveUp: (order) => places.get(order)!(),
  };
}

test("four orders are carried out at once, the others in their turn", async () => {
  const { turns, begun, end } = turnsOf();
  for (let order = 1; order <= 7; order++) turns.take(order);
  assert.deepEqual(begun, [1, 2, 3, 4]);
  await end(3);
  assert.deepEqual(begun, [1, 2, 3, 4, 5]);
  await end(1);
  await end(2);
  assert.deepEqual(begun, [1, 2, 3, 4, 5, 6, 7]);
  for (const order of [4, 5, 6, 7]) await end(order);
  turns.take(8);
  assert.equal(begun.at(-1), 8, "there is room again");
});

test("whoever waits for a lock does not keep others waiting, and has one place only", async () => {
  const { turns, begun, end, giveUp } = turnsOf();
  for (let order = 1; order <= 8; order++) turns.take(order);
  giveUp(1);
  assert.deepEqual(begun, [1, 2, 3, 4, 5]);
  giveUp(1);
  await end(1);
  assert.deepEqual(begun, [1, 2, 3, 4, 5], "its place was given up before");
  for (const order of [2, 3, 4]) giveUp(order);
  assert.deepEqual(begun, [1, 2, 3, 4, 5, 6, 7, 8]);
});
