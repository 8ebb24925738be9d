import assert from "node:assert/strict";
import { readdirSync, renameSync, statSync } from "node:fs";
import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { checkLmdbFile } from "@mailhost/common/lmdb-file";
import { queuePaths } from "../../src/queue/environment.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
import { enqueue, temporaryQueue } from "./queue-samples.ts";

const LARGE = Buffer.alloc(300_000, "0123456789abcdef\r\n");

const DAMAGE: Readonly<Record<string, (path: string) => Promise<void>>> = {
  "overwritten with garbage": async (path) =>
    writeFile(path, Buffer.alloc((await readFile(path)).length, 0xa5)),
  "cut to its first page": (path) => truncate(path, 4096),
  "cut in half": async (path) => truncate(path, Math.floor(statSync(path).size / 2)),
  "a text file": (path) => writeFile(path, "not a queue\n"),
  "garbage after its first pages": async (path) => {
    const file = await open(path, "r+");
    await file.write(Buffer.alloc(statSync(path).size - 8192, 0xa5), 0, undefined, 8192);
    await file.close();
  },
};

for (const [how, damage] of Object.entries(DAMAGE)) {
  test(`a queue that is ${how} is moved aside, named in the log, and a new one begun`, async (t) => {
    const { store, site, clock, log } = await temporaryQueue(t);
    for (let i = 0; i < 20; i++) await enqueue(store, {}, Buffer.alloc(20_000, 0x61));
    const large = await enqueue(store, {}, LARGE);
    await store.close();
    const paths = queuePaths(site);
    await damage(paths.environment);
    // As after a crash: the process that had it open did not end well.
    await writeFile(paths.marker, "999999999");
    const again = await openQueue(site, { clock, log });
    t.after(() => again.store.close());
    assert.equal(again.store.count(), 0);
    const entry = await enqueue(again.store);
    assert.equal(again.store.get(entry.id)?.id, entry.id);
    const aside = readdirSync(site.queueDir).filter((name) =>
      /^queue\.mdb\.damaged-\d{8}T\d{6}Z$/.test(name),
    );
    assert.equal(aside.length, 1);
    assert.ok((await readFile(join(site.queueDir, `${aside[0]}-large`, large.id))).equals(LARGE));
    assert.match(log.lines.join("\n"), /queue\.mdb is damaged: .*; moved to .*queue\.mdb\.damaged-/);
  });
}

test("a sound queue after a crash is kept", async (t) => {
  const { store, site, clock, log } = await temporaryQueue(t);
  const entry = await enqueue(store);
  await store.close();
  const paths = queuePaths(site);
  await writeFile(paths.marker, "999999999");
  const again = await openQueue(site, { clock, log });
  t.after(() => again.store.close());
  assert.equal(again.store.get(entry.id)?.id, entry.id);
  assert.deepEqual(checkLmdbFile(paths.environment), { kind: "sound" });
});

test("large messages in the folder of the first version are found", async (t) => {
  const { store, site, clock, log } = await temporaryQueue(t);
  const large = await enqueue(store, {}, LARGE);
  await store.close();
  const { large: folder } = queuePaths(site);
  renameSync(folder, join(site.queueDir, "df"));
  const again = await openQueue(site, { clock, log });
  t.after(() => again.store.close());
  assert.ok((await readFile(join(folder, large.id))).equals(LARGE));
  assert.deepEqual(readdirSync(site.queueDir).includes("df"), false);
});
