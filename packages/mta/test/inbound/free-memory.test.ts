import assert from "node:assert/strict";
import { test } from "node:test";
import { freeMemory } from "../../src/inbound/free-memory.ts";

const KIB = 1024;

test("a piece that has its memory to itself gives it back at once", async () => {
  // What the first ones are sent to is closed some turns later, and they are freed then.
  const unused = process.memoryUsage().arrayBuffers;
  freeMemory(Buffer.allocUnsafeSlow(64 * KIB));
  while (process.memoryUsage().arrayBuffers > unused) await new Promise(setImmediate);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 1000; i++) {
    const piece = Buffer.allocUnsafeSlow(64 * KIB);
    freeMemory(piece);
    assert.equal(piece.length, 0);
  }
  const grown = process.memoryUsage().arrayBuffers - before;
  assert.ok(grown < 1024 * KIB, `${grown} octets of 64 MiB are still there`);
});

test("memory that others may use, and what is not worth it, stays", () => {
  const shared = Buffer.allocUnsafeSlow(64 * KIB);
  freeMemory(shared.subarray(0, 64 * KIB - 1));
  freeMemory(shared.subarray(1));
  assert.equal(shared.length, 64 * KIB);
  const small = Buffer.allocUnsafeSlow(16 * KIB - 1);
  freeMemory(small);
  assert.equal(small.length, 16 * KIB - 1);
  const between = Buffer.from(new SharedArrayBuffer(64 * KIB));
  freeMemory(between);
  assert.equal(between.length, 64 * KIB);
});
