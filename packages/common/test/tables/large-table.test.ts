/** A million entries: the first answer comes at once, and the process does not grow by them. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { type OctetEntry, writeSortedTable } from "../../src/tables/compile.ts";
import { LiveTable } from "../../src/tables/live-table.ts";
import { parseMapText } from "../../src/tables/map-text.ts";
import { recordingLog } from "./recording-log.ts";

const COUNT = 1_000_000;
const keyOf = (i: number) => `user${String(i).padStart(7, "0")}@example.com`;

function* entries(): Generator<OctetEntry> {
  for (let i = 0; i < COUNT; i++) yield [keyOf(i), `REJECT ${i}`];
}

test("a table of a million entries", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "large-table-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "access.db");
  await writeSortedTable(file, entries(), "map", () => ({ digest: "", readAt: 0 }));
  assert.ok(statSync(file).size > 30_000_000);
  const { log } = recordingLog();
  const before = process.memoryUsage();
  const started = process.cpuUsage();
  const table = new LiveTable({
    name: "access",
    text: join(dir, "access"),
    compiled: { file, kind: "map" },
    parse: parseMapText,
    log,
  });
  t.after(() => table.close());
  assert.equal(table.get(keyOf(COUNT - 1)), `REJECT ${COUNT - 1}`);
  // To read them all takes seconds.
  const first = process.cpuUsage(started).user / 1000;
  assert.ok(first < 500, `the first answer took ${first.toFixed(1)} ms`);
  for (let i = 0; i < 20_000; i++) {
    const n = (i * 7919) % COUNT;
    assert.equal(table.get(keyOf(n)), `REJECT ${n}`);
  }
  assert.equal(table.get("nobody@example.com"), undefined);
  assert.equal(table.get("zzz"), undefined);
  const after = process.memoryUsage();
  const held = after.arrayBuffers + after.external - before.arrayBuffers - before.external;
  assert.ok(held < 32_000_000, `the table holds ${held} octets`);
});
