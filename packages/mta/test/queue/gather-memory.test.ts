import assert from "node:assert/strict";
import { test } from "node:test";
import { GATHERED, GatherMemory } from "../../src/queue/gather-memory.ts";

test("pieces are used again, and most of them go when the last large message is in", () => {
  const memory = new GatherMemory();
  memory.enter();
  memory.enter();
  const pieces = Array.from({ length: 6 }, () => memory.take());
  assert.equal(new Set(pieces).size, 6);
  for (const piece of pieces) assert.equal(piece.length, GATHERED);
  for (const piece of pieces) memory.giveBack(piece);
  assert.equal(memory.free, 6);
  const again = memory.take();
  assert.ok(pieces.includes(again));
  memory.giveBack(again);
  memory.leave();
  assert.equal(memory.free, 4, "another message is on its way in");
  memory.leave();
  assert.equal(memory.free, 2);
  memory.giveBack(pieces[0]!);
  assert.equal(memory.free, 2);
});
