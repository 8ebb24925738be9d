/** A compiled table that is damaged anywhere: never a wrong answer, never a crash, and the text stands in. */
import assert from "node:assert/strict";
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors.ts";
import { writeCompiledTable } from "../../src/tables/compile.ts";
import { openCompiledTable } from "../../src/tables/compiled-table.ts";
import { LiveTable } from "../../src/tables/live-table.ts";
import { parseMapText, printMapText } from "../../src/tables/map-text.ts";
import { recordingLog } from "./recording-log.ts";

/** Long keys make a tree of three levels out of few entries. */
const ENTRIES = new Map(
  Array.from({ length: 3000 }, (_, i) => [
    `${"k".repeat(150)}${String(i * 7919).padStart(9, "0")}@x.test`,
    `v${i}`,
  ]),
);

async function fixture(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "table-damage-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "access.db");
  const text = printMapText(ENTRIES);
  await writeCompiledTable(file, ENTRIES, "map", { text, readAt: Date.now() });
  return { dir, file, text, good: readFileSync(file) };
}

/** Each look-up is right or is refused as damage; says how many were refused. */
function refusals(file: string): number {
  const table = openCompiledTable(file, { small: 0 });
  let refused = 0;
  try {
    for (const [key, value] of ENTRIES) {
      try {
        assert.equal(table.get(key), value);
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        assert.match(error.message, /access\.db: is damaged \(.*\); make it anew/);
        refused++;
      }
    }
  } finally {
    table.close();
  }
  return refused;
}

test("octets changed in any region", async (t) => {
  const { file, good } = await fixture(t);
  assert.equal(refusals(file), 0);
  let noticed = 0;
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      fc.integer({ min: 1, max: 255 }),
      (where, mask) => {
        const bytes = Buffer.from(good);
        bytes[Math.floor(where * bytes.length)]! ^= mask;
        writeFileSync(file, bytes);
        try {
          noticed += refusals(file) > 0 ? 1 : 0;
          assert.throws(() => openCompiledTable(file), /damaged/);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          assert.match(error.message, /make it anew/);
          noticed++;
        }
      },
    ),
    { numRuns: 120 },
  );
  assert.ok(noticed >= 120, "every change is noticed by some look-up or at the start");
});

test("cut, lengthened, and with parts of another table of the same size", async (t) => {
  const { file, good } = await fixture(t);
  fc.assert(
    fc.property(fc.nat(good.length - 1), (length) => {
      writeFileSync(file, good.subarray(0, length));
      assert.throws(() => openCompiledTable(file), ConfigError);
    }),
    { numRuns: 60 },
  );
  writeFileSync(file, Buffer.concat([good, Buffer.from("x")]));
  assert.throws(() => openCompiledTable(file), ConfigError);
  await writeCompiledTable(file, new Map(Array.from(ENTRIES, ([key]) => [key, "zzz"])), "map", {
    text: "",
    readAt: 0,
  });
  const other = readFileSync(file);
  const mixed = Buffer.concat([other.subarray(0, 40_000), good.subarray(40_000)]);
  writeFileSync(file, mixed);
  assert.ok(refusals(file) > 0);
});

test("a large table that is overwritten or cut in its place under a reader", async (t) => {
  const { file, good } = await fixture(t);
  const table = openCompiledTable(file, { small: 0 });
  const [first] = ENTRIES.keys();
  const fd = openSync(file, "r+");
  writeSync(fd, Buffer.alloc(good.length, "x"));
  assert.throws(() => table.get(first!), /is damaged/);
  ftruncateSync(fd, 100);
  assert.throws(() => table.get(first!), /is damaged/);
  closeSync(fd);
  table.close();
  assert.throws(() => table.get(first!), /is damaged/);
});

test("the text stands in for a damaged part of a large table, and a new table puts an end to it", async (t) => {
  const { dir, file, text, good } = await fixture(t);
  writeFileSync(join(dir, "access"), text);
  const bytes = Buffer.from(good);
  bytes.fill(0, 100, 90_000);
  writeFileSync(file, bytes);
  const { log, lines } = recordingLog();
  const live = new LiveTable({
    name: "access",
    text: join(dir, "access"),
    compiled: { file, kind: "map" },
    parse: parseMapText,
    log,
    small: 0,
  });
  t.after(() => live.close());
  for (let i = 0; i < 2; i++) for (const [key, value] of ENTRIES) assert.equal(live.get(key), value);
  assert.equal(
    lines.filter((line) => /access\.db: is damaged .*; the sound lines of the text count/.test(line)).length,
    1,
  );
  assert.equal(live.faults().length, 1);
  rmSync(join(dir, "access"));
  await writeCompiledTable(file, new Map([["a", "new"]]), "map", { text, readAt: Date.now() });
  assert.equal(live.get("a"), "new");
  assert.deepEqual(live.faults(), []);
});

test("with no text to stand in, the question is put off and not answered wrongly", async (t) => {
  const { dir, file, good } = await fixture(t);
  const bytes = Buffer.from(good);
  bytes.fill(0, 0, 5000);
  writeFileSync(file, bytes);
  const { log, lines } = recordingLog();
  const live = new LiveTable({
    name: "access",
    text: join(dir, "access"),
    compiled: { file, kind: "map" },
    parse: parseMapText,
    log,
    small: 0,
  });
  t.after(() => live.close());
  const keys = [...ENTRIES.keys()];
  for (let i = 0; i < 2; i++) assert.throws(() => live.get(keys[0]!), ConfigError);
  assert.equal(live.get(keys.at(-1)!), ENTRIES.get(keys.at(-1)!));
  assert.equal(lines.filter((line) => /what asks for it is put off/.test(line)).length, 1);
});
