/**
 * Before a queue is called damaged it is read twice: a reader may have come upon another process's last moment.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { open } from "lmdb";
import { copyEnvironment } from "../../src/queue/environment-reader.ts";
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

test("a copy is whole while others open the queue", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-copying-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [path, target] = [join(folder, "queue.mdb"), join(folder, "new.mdb")];
  const how = { noSubdir: true, maxDbs: 8, overlappingSync: false } as const;
  const root = open({ ...how, path });
  const entries = root.openDB<Buffer, string>("entries", { encoding: "binary" });
  for (let n = 0; n < 300; n++) void entries.put(`id${n}`, Buffer.from(`entry ${n}`));
  await entries.flushed;
  await root.close();
  // Opens and closes it as often as it can (common/test/lmdb).
  const opener = fileURLToPath(new URL("../../../common/test/lmdb/gate-opener.ts", import.meta.url));
  const others = [0, 1].map(() => fork(opener, [path, "ro"]));
  const ended = others.map((other) => once(other, "exit"));
  await Promise.all(others.map((other) => once(other, "message")));
  for (let n = 0; n < 3; n++) {
    await copyEnvironment(path, target, path);
    const copy = open({ ...how, path: target });
    assert.equal(copy.openDB("entries", { encoding: "binary" }).getCount(), 300);
    await copy.close();
    rmSync(target);
    rmSync(`${target}-lock`, { force: true });
  }
  for (const other of others) other.disconnect();
  await Promise.all(ended);
});
