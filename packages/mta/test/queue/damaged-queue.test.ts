import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, renameSync, statSync } from "node:fs";
import { open, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { checkLmdbFile } from "@mailhost/common/lmdb/file";
import { lmdbPageFault } from "@mailhost/common/lmdb/pages";
import { eventually } from "../../../../test/harness/eventually.ts";
import { queuePaths } from "../../src/queue/environment.ts";
import { mendEnvironment } from "../../src/queue/environment-mending.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
import { enqueue, readBody, temporaryQueue } from "./queue-samples.ts";

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

/** Where the meta page that counts begins. */
function metaAt(bytes: Buffer): number {
  const [first, second] = [24 + 128, 4096 + 24 + 128].map((at) => bytes.readBigUInt64LE(at));
  return first! >= second! ? 24 : 4096 + 24;
}

const IN_TWO_PLACES: Readonly<Record<string, (bytes: Buffer) => void>> = {
  "free twice": (bytes) => {
    const [one, another] = singlePages(bytes);
    bytes.writeBigInt64LE(BigInt(one!.page), another!.at);
  },
  "used and free": (bytes) =>
    bytes.writeBigInt64LE(bytes.readBigInt64LE(metaAt(bytes) + 112), singlePages(bytes)[0]!.at),
};

/** Free pages that are listed one by one: a block is told as minus its length and its first page. */
function singlePages(bytes: Buffer): { at: number; page: number }[] {
  const leaf = Number(bytes.readBigUInt64LE(metaAt(bytes) + 64)) * 4096;
  const nodes = bytes.readUInt16LE(leaf + 20) >> 1;
  return Array.from({ length: nodes }, (_, n) => {
    const node = leaf + 24 + bytes.readUInt16LE(leaf + 24 + 2 * n);
    const list = node + 8 + bytes.readUInt16LE(node + 6);
    const entries = Array.from({ length: Number(bytes.readBigUInt64LE(list)) }, (_, i) => {
      const at = list + 8 * (i + 1);
      return { at, page: Number(bytes.readBigInt64LE(at)) };
    });
    return entries.filter(({ page }, i) => page > 0 && (entries[i - 1]?.page ?? 0) >= 0);
  }).flat();
}

for (const [how, damage] of Object.entries(IN_TWO_PLACES)) {
  test(`a queue with a page that is ${how}: its messages are copied into a new file, and nothing is missing`, async (t) => {
    const { store, site, clock, log } = await temporaryQueue(t);
    const texts = new Map<string, Buffer>();
    for (let i = 0; i < 40; i++) {
      const text = i === 7 ? LARGE : Buffer.alloc(500 * i, `${i} `);
      const entry = await enqueue(store, {}, text);
      texts.set(entry.id, text);
      if (i % 4 !== 0) continue;
      await store.change({ remove: [entry.id] });
      texts.delete(entry.id);
    }
    const entries = [...store.list()];
    const due = store.dueRows(clock.now(), 100);
    await store.close();
    const paths = queuePaths(site);
    assert.equal(lmdbPageFault(paths.environment), undefined);
    const bytes = await readFile(paths.environment);
    damage(bytes);
    await writeFile(paths.environment, bytes);
    assert.match(lmdbPageFault(paths.environment)!, new RegExp(`^page \\d+ is ${how}$`));
    await writeFile(paths.marker, "999999999");
    const again = await openQueue(site, { clock, log, daemon: true });
    assert.deepEqual([...again.store.list()], entries);
    assert.deepEqual(again.store.dueRows(clock.now(), 100), due);
    for (const entry of entries) {
      assert.equal(again.store.bodyFault(entry), undefined);
      assert.ok((await readBody(again.store.body(entry))).equals(texts.get(entry.id)!));
    }
    await again.store.close();
    const plain = await openQueue(site, { clock, log });
    t.after(() => plain.store.close());
    await plain.store.change({ remove: entries.slice(0, 20).map(({ id }) => id) });
    await enqueue(plain.store);
    assert.equal(lmdbPageFault(paths.environment), undefined);
    const names = readdirSync(site.queueDir);
    const [aside] = names.filter((name) => /^queue\.mdb\.damaged-\d{8}T\d{6}Z$/.test(name));
    assert.ok((await readFile(join(site.queueDir, aside!))).equals(bytes), "the old file is kept");
    assert.ok(!names.some((name) => name.includes(".new")), names.join());
    const said = log.lines.join("\n");
    assert.match(
      said,
      new RegExp(`is damaged: page \\d+ is ${how}; its messages are in a new file, .*${aside}`),
    );
  });
}

test("what a command writes into the old file while it is mended is in the new one", async (t) => {
  const { store, site, clock, log } = await temporaryQueue(t);
  for (let i = 0; i < 20; i++) {
    const entry = await enqueue(store, {}, Buffer.alloc(500 * i, `${i} `));
    if (i % 4 === 0) await store.change({ remove: [entry.id] });
  }
  await store.close();
  const paths = queuePaths(site);
  const bytes = await readFile(paths.environment);
  IN_TWO_PLACES["free twice"]!(bytes);
  await writeFile(paths.environment, bytes);
  const command = fork(fileURLToPath(new URL("./late-writer.ts", import.meta.url)), [paths.environment]);
  t.after(() => command.kill("SIGKILL"));
  await once(command, "message");
  const mending = mendEnvironment(paths.environment, `${paths.environment}.aside`);
  // The old file has its second name as soon as the new one is in its place.
  await eventually(() => existsSync(`${paths.environment}.aside-lock`), {
    within: 30_000,
    what: "the new file",
  });
  command.send("write");
  assert.equal((await mending).kind, "mended");
  const plain = await openQueue(site, { clock, log });
  t.after(() => plain.store.close());
  assert.deepEqual(plain.store.queuedDrops(), ["late"]);
  assert.equal(plain.store.count(), 15, "what was taken out meanwhile is back");
});

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
