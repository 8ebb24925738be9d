import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import fc from "fast-check";
import { compiledName, writeCompiledTable } from "../../src/tables/compile.ts";
import { openCompiledTable } from "../../src/tables/compiled-table.ts";
import { parseMapText, printMapText } from "../../src/tables/map-text.ts";
import { TRAILER_SIZE } from "../../src/tables/table-file.ts";

function folder(t: { after(fn: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), "compile-test-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const source = { text: "", readAt: 0 };

test("names: with and without .db", () => {
  assert.equal(compiledName("access"), "access.db");
  assert.equal(compiledName("access.db"), "access.db");
});

test("text, parsed, compiled and read gives the same entries, and no other file is left", async (t) => {
  const dir = folder(t);
  const file = join(dir, "access.db");
  const key = fc.stringMatching(/^[a-z0-9.@:+*äé一-]{1,30}$/u);
  const value = fc.stringMatching(/^[A-Za-z0-9:.é一]([ -~]{0,200}[A-Za-z0-9])?$/u);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(key, value), { selector: ([k]) => k, maxLength: 60 }),
      async (pairs) => {
        const text = printMapText(pairs);
        const parsed = parseMapText(text, "access");
        await writeCompiledTable(file, parsed.entries, "map", { text, readAt: 1 });
        const table = openCompiledTable(file);
        try {
          assert.deepEqual(new Map(table.entries()), parsed.entries);
          for (const [k, v] of parsed.entries) assert.equal(table.get(k), v);
          assert.equal(table.get("no such key"), undefined);
          assert.equal(table.meta.entries, parsed.entries.size);
        } finally {
          table.close();
        }
      },
    ),
    { numRuns: 25 },
  );
  assert.deepEqual(readdirSync(dir), ["access.db"]);
});

test("a reader keeps its table when the file is rebuilt, cut or overwritten in place", async (t) => {
  const file = join(folder(t), "a.db");
  await writeCompiledTable(file, new Map([["a", "old"]]), "map", source);
  const old = openCompiledTable(file);
  await writeCompiledTable(file, new Map([["a", "new"]]), "map", source);
  const fresh = openCompiledTable(file);
  writeFileSync(file, "");
  assert.equal(old.get("a"), "old");
  assert.equal(fresh.get("a"), "new");
  old.close();
  fresh.close();
});

test("20,000 entries, and odd look-ups", async (t) => {
  const file = join(folder(t), "big.db");
  const entries = new Map(Array.from({ length: 20_000 }, (_, i) => [`user${i}@example.com`, `RELAY ${i}`]));
  await writeCompiledTable(file, entries, "map", source);
  const table = openCompiledTable(file);
  assert.equal([...table.entries()].length, 20_000);
  assert.equal(table.get("user19999@example.com"), "RELAY 19999");
  assert.equal(table.get(""), undefined);
  assert.equal(table.get("x".repeat(5000)), undefined);
  assert.equal(table.get("一".repeat(900)), undefined);
  table.close();
});

test("every kind of damage is refused with its reason", async (t) => {
  const file = join(folder(t), "d.db");
  await writeCompiledTable(file, new Map([["a", "b"]]), "map", source);
  const good = readFileSync(file);
  const refused = (bytes: Buffer, reason: RegExp) => {
    writeFileSync(file, bytes);
    assert.throws(() => openCompiledTable(file), reason);
  };
  refused(Buffer.alloc(0), /d\.db: is empty/);
  refused(good.subarray(0, good.length - 1), /cut short/);
  refused(good.subarray(1), /length does not match/);
  refused(good.subarray(good.length - TRAILER_SIZE), /length does not match/);
  const flipped = Buffer.from(good);
  flipped[10]! ^= 1;
  refused(flipped, /checksum at 0 does not match/);
  const trailer = Buffer.from(good);
  trailer.fill("x", good.length - TRAILER_SIZE + 40, good.length);
  refused(trailer, /last block cannot be read/);
  const former = Buffer.alloc(12_288);
  former.write("mailhost compiled table 1\n{}", 8192);
  refused(former, /earlier mailhost, which is read no more; make it anew/);
  const berkeley = Buffer.alloc(8192);
  berkeley.writeUInt32LE(0x061561, 12);
  refused(berkeley, /Berkeley DB file; make it anew .* makemap --import/);
  writeFileSync(file, good);
  const table = openCompiledTable(file);
  assert.equal(table.get("a"), "b");
  table.close();
});

test("mode: that of the old table, else of the text beside it", async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, "secret"), "");
  chmodSync(join(dir, "secret"), 0o600);
  const mode = (name: string) => statSync(join(dir, name)).mode & 0o777;
  await writeCompiledTable(join(dir, "secret.db"), new Map(), "map", source);
  assert.equal(mode("secret.db"), 0o600);
  chmodSync(join(dir, "secret.db"), 0o640);
  await writeCompiledTable(join(dir, "secret.db"), new Map(), "map", source);
  assert.equal(mode("secret.db"), 0o640);
  await writeCompiledTable(join(dir, "plain.db"), new Map(), "map", source);
  assert.equal(mode("plain.db"), 0o644);
});

test("a folder that is not there: an error and nothing left", async (t) => {
  const dir = folder(t);
  await assert.rejects(writeCompiledTable(join(dir, "no/such.db"), new Map(), "map", source), /ENOENT/);
  assert.deepEqual(readdirSync(dir), []);
});
