/**
 * Before a queue is called damaged it is read twice: a reader may have come upon another process's last moment.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { open } from "lmdb";
import { readsWhole } from "../../src/queue/environment-reading.ts";

test("a reading that fails once is repeated, one that fails twice is believed", async () => {
  for (const [answers, expected, asked] of [
    [[true], true, 1],
    [[false, true], true, 2],
    [[false, false, true], false, 2],
  ] as const) {
    const left: boolean[] = [...answers];
    let count = 0;
    const read = () => {
      count += 1;
      return Promise.resolve(left.shift()!);
    };
    assert.equal(await readsWhole("/nonexistent", "tables", read), expected);
    assert.equal(count, asked);
  }
});

test("a whole environment is read, and one that was cut in two is not", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-reading-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "queue.mdb");
  const root = open({ path, noSubdir: true, maxDbs: 8, overlappingSync: false });
  const entries = root.openDB<Buffer, string>("entries", { encoding: "binary" });
  for (let n = 0; n < 500; n += 1) void entries.put(`id${n}`, Buffer.alloc(1000, n));
  await entries.flushed;
  await root.close();
  assert.equal(await readsWhole(path, "all"), true);
  truncateSync(path, 40_000);
  assert.equal(await readsWhole(path, "all"), false);
});
