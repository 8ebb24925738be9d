/** That a fingerprint is of the same places whether a file is small and read whole, or large. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fingerprint } from "../../src/maildrop/fingerprint.ts";
import { MessageTable } from "../../src/maildrop/message-table.ts";

const LENGTH = 1000;

function tableOf(count: number): MessageTable {
  return MessageTable.of(
    Array.from({ length: count }, (_, i) => {
      const start = i * LENGTH;
      const ends = { start, head: start + 40, body: start + 200, end: start + LENGTH, octets: 990 };
      return { ...ends, digest: String(i).padStart(32, "0"), uid: `u${i}`, seen: false };
    }),
  );
}

/** The checksum as it was first stored: indexes of before must stay good. */
function expected(bytes: Buffer, count: number): Buffer {
  const places: [number, number][] = [
    [0, 4096],
    [Math.max(0, bytes.length - 4096), 4096],
  ];
  const step = Math.max(1, Math.floor(count / 16));
  for (let i = step; i < count; i += step) places.push([i * LENGTH, 256]);
  if (count > 0) places.push([(count - 1) * LENGTH, 256]);
  const hash = createHash("sha256");
  for (const [at, length] of places) {
    const part = bytes.subarray(at, Math.min(at + length, bytes.length));
    hash.update(`${at}:${part.length}\n`).update(part);
  }
  return hash.digest().subarray(0, 16);
}

test("a fingerprint is of the same places in small files, read at once, and large ones", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-test-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const [count, reads] of [
    [0, 0],
    [1, 1],
    [20, 1],
    [262, 1],
    [263, 19],
    [2000, 18],
  ] as const) {
    const bytes = Buffer.from(Array.from({ length: count * LENGTH }, (_, i) => (i * 31 + (i >> 8)) % 251));
    const path = join(dir, String(count));
    writeFileSync(path, bytes);
    const file = await open(path);
    const read = t.mock.method(file, "read");
    const found = await fingerprint(file, bytes.length, tableOf(count));
    await file.close();
    assert.deepEqual(found, expected(bytes, count), `${count} messages`);
    assert.equal(read.mock.callCount(), reads, `reads of ${count} messages`);
  }
});

test("a file that ends too early has another fingerprint", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-test-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, "cut");
  writeFileSync(path, Buffer.alloc(5000, "x"));
  const file = await open(path);
  const whole = await fingerprint(file, 5000, tableOf(5));
  await file.close();
  writeFileSync(path, Buffer.alloc(4500, "x"));
  const cut = await open(path);
  t.after(() => cut.close());
  assert.notDeepEqual(await fingerprint(cut, 5000, tableOf(5)), whole);
});
