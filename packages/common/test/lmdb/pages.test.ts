import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import fc from "fast-check";
import { open } from "lmdb";
import { SHARED_ENVIRONMENT } from "../../src/lmdb/options.ts";
import { lmdbPageFault } from "../../src/lmdb/pages.ts";

/** A row that is written, or taken out. */
interface Step {
  readonly key: number;
  readonly octets: number | undefined;
}

const steps = fc.array(
  fc.record({
    key: fc.nat(200),
    octets: fc.oneof(fc.nat(300), fc.integer({ min: 3000, max: 30_000 }), fc.constant(undefined)),
  }),
  { maxLength: 60 },
);

test("in whatever lmdb writes each page is in one place", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-lmdb-pages-"));
  t.after(() => rmSync(dir, { recursive: true }));
  let number = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { maxLength: 12 }), async (commits: Step[][]) => {
      const path = join(dir, `${number++}.mdb`);
      const root = open({
        path,
        noSubdir: true,
        maxDbs: 4,
        eventTurnBatching: false,
        ...SHARED_ENVIRONMENT,
      });
      const tables = ["one", "two"].map((name) => root.openDB<Buffer, number>(name, { encoding: "binary" }));
      for (const commit of commits) {
        await root.transaction(() => {
          for (const { key, octets } of commit) {
            const table = tables[key % 2]!;
            if (octets === undefined) void table.remove(key);
            else void table.put(key, Buffer.alloc(octets, key));
          }
        });
      }
      await root.close();
      assert.equal(lmdbPageFault(path), undefined);
      // As with one that is too large to be gone through.
      assert.equal(lmdbPageFault(path, 1), undefined);
    }),
    { numRuns: 60 },
  );
});

test("whatever is in a file that has been spoilt is a fault or none, and never thrown", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-lmdb-pages-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "data.mdb");
  const root = open<Buffer, number>({ path, noSubdir: true, encoding: "binary" });
  for (let key = 0; key < 100; key++) await root.put(key, Buffer.alloc(key * 60, key));
  for (let key = 0; key < 100; key += 3) await root.remove(key);
  await root.close();
  const whole = readFileSync(path);
  const spoilt = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(spoilt, (octets) => {
      const bytes = Buffer.from(whole);
      for (const [at, octet] of octets) bytes[at] = octet;
      writeFileSync(path, bytes);
      lmdbPageFault(path);
    }),
    { numRuns: 300 },
  );
  // Headers of pages alone, which lead elsewhere.
  fc.assert(
    fc.property(
      fc.nat(whole.length / 4096 - 1),
      fc.uint8Array({ minLength: 48, maxLength: 48 }),
      (page, head) => {
        const bytes = Buffer.from(whole);
        Buffer.from(head).copy(bytes, page * 4096 + 16);
        writeFileSync(path, bytes);
        lmdbPageFault(path);
      },
    ),
    { numRuns: 300 },
  );
});

test("what is no data file, and one that is cut off, has no fault of this kind, or is told of", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-lmdb-pages-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, "data.mdb");
  writeFileSync(path, "");
  assert.equal(lmdbPageFault(path), undefined);
  writeFileSync(path, Buffer.alloc(20_000, 0xa5));
  assert.equal(lmdbPageFault(path), undefined);
  const whole = join(dir, "whole.mdb");
  const root = open<Buffer, number>({ path: whole, noSubdir: true, encoding: "binary" });
  for (let key = 0; key < 300; key++) await root.put(key, Buffer.alloc(500, key));
  await root.close();
  assert.equal(lmdbPageFault(whole), undefined);
  writeFileSync(path, readFileSync(whole).subarray(0, 5 * 4096));
  assert.match(lmdbPageFault(path) ?? "", /^page \d+ is beyond its end$/);
  assert.throws(() => lmdbPageFault(join(dir, "nothing")), /ENOENT/);
});
