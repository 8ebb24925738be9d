/** The stored form of an index's head: what is written comes back, what is damaged does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeHead, encodeHead, type IndexHead } from "../../src/maildrop/index-codec.ts";

const HEAD: IndexHead = {
  identity: {
    dev: 66309n,
    ino: 2n ** 63n + 5n,
    size: 2 ** 40,
    mtimeNs: 1_900_000_000_123_456_789n,
    ctimeNs: -1n,
  },
  fingerprint: Buffer.alloc(16, 7),
  count: 3,
  naming: { format: "dovecot", uidValidity: 2 ** 32 - 1 },
  generation: Buffer.from("12345678"),
};

test("a head comes back as it was", () => {
  assert.deepEqual(decodeHead(encodeHead(HEAD)), HEAD);
});

test("no damaged byte and no cut goes unnoticed", () => {
  const head = encodeHead(HEAD);
  for (let i = 0; i < head.length; i++) {
    const damaged = Buffer.from(head);
    damaged[i]! ^= 1;
    assert.equal(decodeHead(damaged), undefined);
    assert.equal(decodeHead(head.subarray(0, i)), undefined);
  }
});
