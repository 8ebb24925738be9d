/** The stored form of an index: what is written comes back, what is damaged does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK, decodeChunk, decodeHead, encodeChunk, encodeHead } from "../../src/maildrop/index-codec.ts";
import type { IndexedMessage } from "../../src/maildrop/mailbox-index.ts";

const HEAD = {
  identity: {
    dev: 66309n,
    ino: 2n ** 63n + 5n,
    size: 2 ** 40,
    mtimeNs: 1_900_000_000_123_456_789n,
    ctimeNs: -1n,
  },
  fingerprint: Buffer.alloc(16, 7),
  count: 3,
};

function message(i: number): IndexedMessage {
  const start = i * 1000 + (i > CHUNK ? 2 ** 40 : 0);
  const digest = i.toString(16).padStart(32, "0");
  const uid = i % 3 === 0 ? `uid-${i}` : digest;
  return { start, head: start + 50, body: start + 500, end: start + 999, octets: 970, digest, uid };
}

const MESSAGES = Array.from({ length: CHUNK + 10 }, (_, i) => message(i));
const SIZE = 2 ** 41;

test("head and chunks come back as they were", () => {
  assert.deepEqual(decodeHead(encodeHead(HEAD)), HEAD);
  const into: IndexedMessage[] = [];
  assert.ok(decodeChunk(encodeChunk(MESSAGES, 0), into, SIZE));
  assert.equal(into.length, CHUNK);
  assert.ok(decodeChunk(encodeChunk(MESSAGES, CHUNK), into, SIZE));
  assert.deepEqual(into, MESSAGES);
});

test("no damaged byte and no cut goes unnoticed", () => {
  const head = encodeHead(HEAD);
  const chunk = encodeChunk(MESSAGES.slice(0, 4), 0);
  for (let i = 0; i < head.length; i++) {
    const damaged = Buffer.from(head);
    damaged[i]! ^= 1;
    assert.equal(decodeHead(damaged), undefined);
  }
  for (let i = 0; i < chunk.length; i++) {
    const damaged = Buffer.from(chunk);
    damaged[i]! ^= 0x80;
    assert.equal(decodeChunk(damaged, [], SIZE), false);
    assert.equal(decodeChunk(chunk.subarray(0, i), [], SIZE), false);
  }
});

test("a chunk in another's place, or beyond the file, is refused", () => {
  assert.equal(decodeChunk(encodeChunk(MESSAGES, CHUNK), [], SIZE), false);
  assert.equal(decodeChunk(encodeChunk(MESSAGES, 0), [], 5000), false);
  const backwards = [message(5), message(1)];
  assert.equal(decodeChunk(encodeChunk(backwards, 0), [], SIZE), false);
});
