/** When the stored index is believed, when the mailbox is read again, and that ids survive both. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { systemClock } from "@mailhost/common/clock";
import { checkLmdbFile } from "@mailhost/common/lmdb/file";
import type { Site } from "@mailhost/common/site";
import { open as openEnvironment } from "lmdb";
import { type IndexStore, indexFile, openIndexStore } from "../../src/maildrop/index-store.ts";
import { MessageTableBuilder } from "../../src/maildrop/message-table.ts";
import { refreshIndex } from "../../src/maildrop/refresh.ts";
import { mboxText, memoryLog, temporarySite } from "../harness/server.ts";

const run = promisify(execFile);
const mail = (body: string) => `Subject: s\nMessage-ID: <${body}@example.net>\n\n${body}\n`;
const THREE = ["one", "two", "three"].map((body, i) => mboxText(mail(body), i));

interface Mailbox {
  readonly site: Site;
  readonly path: string;
  readonly logged: string[];
  store: IndexStore;
  /** A login's look at the mailbox: how the index came about, and the ids. */
  look(): Promise<{ how: string; uids: string[] }>;
  reopen(): Promise<void>;
}

function mailbox(t: TestContext, content: string): Mailbox {
  const site = temporarySite(t);
  const path = join(site.spoolDir, "wang");
  writeFileSync(path, content);
  const logged: string[] = [];
  const openStore = () => openIndexStore(site, { log: memoryLog(logged), clock: systemClock });
  const box: Mailbox = {
    site,
    path,
    logged,
    store: openStore(),
    async look() {
      const file = await open(path, "r");
      try {
        const { index, how, unchanged } = await refreshIndex(file, await box.store.read("wang"));
        if (how !== "kept") await box.store.write("wang", index, unchanged);
        return { how, uids: [...index.messages].map((m) => m.uid) };
      } finally {
        await file.close();
      }
    },
    async reopen() {
      await box.store.close();
      box.store = openStore();
    },
  };
  t.after(() => box.store.close());
  return box;
}

/** Changes a stored value, or takes it out, and opens the store again. */
async function changeStored(
  box: Mailbox,
  key: number,
  change: (value: Buffer) => Buffer | undefined,
): Promise<void> {
  await box.store.close();
  const env = openEnvironment<Buffer, [string, number]>({
    path: indexFile(box.site),
    noSubdir: true,
    encoding: "binary",
  });
  const changed = change(Buffer.from(env.get(["wang", key])!));
  if (changed === undefined) await env.remove(["wang", key]);
  else await env.put(["wang", key], changed);
  await env.close();
  await box.reopen();
}

test("an untouched mailbox is not read again, after a restart neither", async (t) => {
  const box = mailbox(t, THREE.join(""));
  const first = await box.look();
  assert.equal(first.how, "scanned");
  assert.deepEqual(await box.look(), { ...first, how: "kept" });
  await box.reopen();
  assert.deepEqual(await box.look(), { ...first, how: "kept" });
});

test("of one that grew the end is read", async (t) => {
  const box = mailbox(t, THREE.join(""));
  const { uids } = await box.look();
  appendFileSync(box.path, mboxText(mail("four"), 4));
  const grown = await box.look();
  assert.equal(grown.how, "grown");
  assert.deepEqual(grown.uids.slice(0, 3), uids);
  assert.equal(grown.uids.length, 4);
  assert.deepEqual(await box.look(), { ...grown, how: "kept" });
});

test("what is being written is there for whoever asks, in the order it was given, and at the end", async (t) => {
  const box = mailbox(t, THREE.join(""));
  const file = await open(box.path, "r");
  t.after(() => file.close());
  const { index } = await refreshIndex(file, undefined);
  const first = box.store.write("wang", { ...index, fingerprint: Buffer.alloc(16, 1) }, 0);
  const second = box.store.write("wang", { ...index, fingerprint: Buffer.alloc(16, 2) }, 0);
  assert.equal((await box.store.read("wang"))?.fingerprint[0], 2);
  await Promise.all([first, second]);
  void box.store.write("wang", index, 0);
  void box.store.forget("wang");
  assert.equal(await box.store.read("wang"), undefined);
  void box.store.write("wang", index, 0);
  await box.reopen();
  assert.equal((await box.look()).how, "kept");
  assert.deepEqual(box.logged, []);
});

test("an index of the version before keeps the ids, though its sizes and digests count no more", async (t) => {
  const twin = mboxText(mail("twin"), 0);
  const box = mailbox(t, twin + twin.replaceAll("\n", "\r\n") + twin + twin);
  const now = await box.look();
  // As it was stored: by what rule messages are counted shows in digests and so in ids, and a first twin is gone.
  const uids = ["a".repeat(32), "b".repeat(32), `${"a".repeat(32)}.7`, "given"];
  const { messages, ...rest } = (await box.store.read("wang"))!;
  const table = new MessageTableBuilder();
  for (const [i, message] of [...messages].entries())
    table.add({
      ...message,
      octets: message.octets + 9,
      digest: (i === 1 ? "b" : "a").repeat(32),
      uid: uids[i]!,
    });
  await box.store.write("wang", { ...rest, messages: table.build() }, 0);
  await changeStored(box, 0, (head) => {
    head.writeUInt32BE(0x4d485803, 4);
    head.writeUInt32BE(crc32(head.subarray(4)));
    return head;
  });
  assert.equal((await box.store.read("wang"))?.outdated, true);
  assert.deepEqual(await box.look(), { how: "scanned", uids });
  assert.deepEqual(await box.look(), { how: "kept", uids }, "it is stored anew, with these ids");
  assert.notDeepEqual(now.uids, uids);
  assert.deepEqual(box.logged, []);
});

test("growth over the edge of a stored chunk", async (t) => {
  const many = Array.from({ length: 1023 }, (_, i) => mboxText(mail(`m${i}`), i));
  const box = mailbox(t, many.join(""));
  let { uids } = await box.look();
  for (let i = 0; i < 3; i++) {
    appendFileSync(box.path, mboxText(mail(`new${i}`), i));
    const grown = await box.look();
    assert.equal(grown.how, "grown");
    assert.deepEqual(grown.uids.slice(0, -1), uids);
    uids = grown.uids;
    await box.reopen();
    assert.equal((await box.look()).how, "kept");
  }
});

test("one that shrank, was rewritten in the same size, or grew at the front is read whole and keeps its ids", async (t) => {
  const box = mailbox(t, THREE.join(""));
  const [one, two, three] = (await box.look()).uids;
  writeFileSync(box.path, [THREE[0], THREE[2]].join(""));
  assert.deepEqual(await box.look(), { how: "scanned", uids: [one, three] });
  writeFileSync(box.path, [THREE[2], THREE[0]].join(""));
  assert.deepEqual(await box.look(), { how: "scanned", uids: [three, one] });
  const before = statSync(box.path);
  writeFileSync(box.path, [THREE[0], THREE[2]].join(""));
  utimesSync(box.path, before.atime, before.mtime);
  assert.deepEqual(await box.look(), { how: "scanned", uids: [one, three] });
  writeFileSync(box.path, [THREE[1], THREE[0], THREE[2]].join(""));
  assert.deepEqual(await box.look(), { how: "scanned", uids: [two, one, three] });
});

test("what readers change in a message changes no id", async (t) => {
  const box = mailbox(t, THREE.join(""));
  const { uids } = await box.look();
  const read = THREE.map((text) => text.replace("Subject", "Status: RO\nX-UIDL: other\nSubject"));
  writeFileSync(box.path, read.join(""));
  assert.deepEqual(await box.look(), { how: "scanned", uids });
});

test("identical messages have ids of their own, and keep them when one goes", async (t) => {
  const twin = mboxText(mail("same"), 1);
  const box = mailbox(t, twin + twin + twin);
  const { uids } = await box.look();
  assert.equal(new Set(uids).size, 3);
  appendFileSync(box.path, twin);
  const grown = await box.look();
  assert.deepEqual(grown.uids.slice(0, 3), uids);
  assert.equal(new Set(grown.uids).size, 4);
});

test("without an index the ids come out the same", async (t) => {
  const box = mailbox(t, THREE.join(""));
  const { uids } = await box.look();
  await box.store.close();
  for (const name of readdirSync(box.site.stateDir)) rmSync(join(box.site.stateDir, name));
  box.store = openIndexStore(box.site, { log: memoryLog(box.logged), clock: systemClock });
  assert.deepEqual(await box.look(), { how: "scanned", uids });
});

test("damaged values are noticed, logged, and replaced", async (t) => {
  const box = mailbox(t, THREE.join(""));
  const first = await box.look();
  for (const [key, damage] of [
    [0, (value: Buffer) => value.subarray(1)],
    [0, (value: Buffer) => Buffer.alloc(value.length)],
    [1, (value: Buffer) => Buffer.concat([value, value])],
    [1, (value: Buffer) => Buffer.from(value).fill(0xff, 20, 30)],
    [1, () => undefined],
  ] as const) {
    await changeStored(box, key, damage);
    box.logged.length = 0;
    assert.deepEqual(await box.look(), first);
    assert.match(box.logged.join("\n"), /index of wang is damaged/);
    assert.equal((await box.look()).how, "kept");
  }
});

test("an index file that is none, or was cut, is moved aside and named", async (t) => {
  for (const damage of ["garbage", "cut", "zeroed", "empty"] as const) {
    const box = mailbox(t, THREE.join(""));
    const first = await box.look();
    const path = indexFile(box.site);
    await box.store.close();
    assert.deepEqual(checkLmdbFile(path), { kind: "sound" });
    if (damage === "garbage") writeFileSync(path, "garbage".repeat(10_000));
    if (damage === "empty") writeFileSync(path, "");
    if (damage === "cut") truncateSync(path, readFileSync(path).length - 4096);
    if (damage === "zeroed") {
      const fd = openSync(path, "r+");
      writeSync(fd, Buffer.alloc(4096), 0, 4096, 0);
      closeSync(fd);
    }
    box.store = openIndexStore(box.site, { log: memoryLog(box.logged), clock: systemClock });
    assert.deepEqual(await box.look(), first);
    const aside = readdirSync(box.site.stateDir).filter((name) => name.includes(".damaged-"));
    assert.equal(aside.length, damage === "empty" ? 0 : 1, damage);
    if (damage !== "empty") assert.match(box.logged[0]!, /^error .*pop3-index\.mdb: .*moved to /);
  }
});

test("a disk too full for an index is logged, ends nothing, and leaves no mixture of two indexes", async (t) => {
  const site = temporarySite(t);
  const child = fileURLToPath(new URL("./full-disk-child.ts", import.meta.url));
  const node = [process.execPath, "--conditions=@mailhost/source", "--import", "tsx", child, site.root];
  // 128 blocks of 512 bytes: writes past 64 KiB fail.
  const { stdout } = await run("sh", ["-c", 'ulimit -S -f 128 && exec "$0" "$@"', ...node]);
  assert.deepEqual(stdout.trim().split("\n"), [
    "small: 10",
    "warn: can not be written",
    "large: 10",
    "room again: 5000, all new",
  ]);
});
