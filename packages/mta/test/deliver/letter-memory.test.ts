import assert from "node:assert/strict";
import test from "node:test";
import { LetterMemory } from "../../src/deliver/letter-memory.ts";

const KIB = 1024;

test("memory that has come back is used again where it is large enough", () => {
  const memory = new LetterMemory();
  const first = memory.take(100 * KIB);
  assert.equal(first.byteLength, 128 * KIB);
  const second = memory.take(100 * KIB);
  assert.notEqual(second, first, "one that is under way is nobody else's");
  memory.giveBack(first);
  assert.equal(memory.spare, 128 * KIB);
  assert.notEqual(memory.take(129 * KIB), first);
  assert.equal(memory.take(10), first);
  assert.equal(memory.spare, 0);
});

test("no more than 2 MiB are kept, and nothing for orders without letters in memory", () => {
  const memory = new LetterMemory();
  const taken = Array.from({ length: 40 }, () => memory.take(320 * KIB));
  for (const piece of taken) memory.giveBack(piece);
  assert.equal(memory.spare, 6 * 320 * KIB);
  const kept = memory.spare;
  assert.equal(memory.take(0).byteLength, 0);
  memory.giveBack(new ArrayBuffer(0));
  assert.equal(memory.spare, kept);
});
