/** Large mailboxes: listings, long messages, what is held in memory, indexes of mailboxes that are gone. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { HeldIndexes } from "../../src/maildrop/held-indexes.ts";
import type { IndexHead } from "../../src/maildrop/index-codec.ts";
import { openIndexStore } from "../../src/maildrop/index-store.ts";
import type { IndexedMessage, MailboxIndex } from "../../src/maildrop/mailbox-index.ts";
import { MessageTable } from "../../src/maildrop/message-table.ts";
import { refreshIndex } from "../../src/maildrop/refresh.ts";
import { takenNear } from "../../src/maildrop/uids.ts";
import { loggedIn } from "../harness/client.ts";
import { mboxText, memoryLog, startServer, temporarySite } from "../harness/server.ts";

const md5 = (i: number) => createHash("md5").update(String(i)).digest("hex");

function message(i: number): IndexedMessage {
  const start = i * 100;
  const uid = i % 7 === 0 ? `${md5(i - 1)}.2` : i % 5 === 0 ? `uid-${i}` : md5(i);
  return { start, head: start, body: start, end: start + 90, octets: i, digest: md5(i), uid, seen: false };
}

function indexOf(count: number): MailboxIndex {
  const messages = MessageTable.of(Array.from({ length: count }, (_, i) => message(i)));
  const identity = { dev: 1n, ino: 1n, size: count * 100, mtimeNs: 1n, ctimeNs: 1n };
  return { identity, fingerprint: Buffer.alloc(16), messages, naming: { format: "default", uidValidity: 0 } };
}

test("LIST and UIDL of thousands agree with LIST n and UIDL n, deleted ones left out", async (t) => {
  const server = await startServer(t);
  const texts = Array.from({ length: 2100 }, (_, i) => {
    const own = i % 3 === 0 ? `X-UIDL: own-${i}\n` : "";
    return mboxText(`${own}Subject: ${i}\n\n${"x".repeat(i % 120)}\n`, i % 60);
  });
  writeFileSync(server.mbox("wang"), texts.join(""));
  const client = await loggedIn(server.port);
  const gone = [1, 2, 1024, 1025, 2100];
  for (const number of gone) await client.command(`DELE ${number}`);
  const [sizes, uids] = [await client.list("LIST"), await client.list("UIDL")];
  assert.equal(sizes.length, 2095);
  assert.equal(uids.length, 2095);
  assert.equal(new Set(uids.map((line) => line.split(" ")[1])).size, 2095);
  for (const i of [0, 5, 7, 1021, 1022, 1500, 2094]) {
    const number = sizes[i]!.split(" ")[0];
    assert.equal(await client.command(`LIST ${number}`), `+OK ${sizes[i]}`);
    assert.equal(await client.command(`UIDL ${number}`), `+OK ${uids[i]}`);
  }
  assert.ok(!sizes.some((line) => gone.includes(Number(line.split(" ")[0]))));
  client.drop();
});

test("a message of more than 2 GiB, and one behind it, have their true places and octets", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  const file = await openFile(path, "w+");
  t.after(() => file.close());
  const head = mboxText("Subject: long\n\n");
  // A hole: zeros that take no room on disk.
  const end = 2 ** 31 + 2 ** 20;
  await file.write(head, 0);
  await file.write(`\n\n${mboxText("Subject: behind\n\ntext\n")}`, end);
  const { index } = await refreshIndex(file, undefined);
  const [long, behind] = [...index.messages];
  const fromLine = head.indexOf("\n") + 1;
  assert.deepEqual([long!.start, long!.end, index.messages.count], [0, end + 1, 2]);
  const lines = head.slice(fromLine).split("\n").length - 1;
  assert.equal(long!.octets, end - fromLine + lines + 2);
  assert.equal(behind!.start, end + 2);
});

test("others get their turn while a mailbox of very many short messages is read", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  writeFileSync(path, Array.from({ length: 40_000 }, (_, i) => mboxText(`Subject: ${i}\n\nb\n`)).join(""));
  const file = await openFile(path);
  t.after(() => file.close());
  let turns = 0;
  let going = true;
  const count = () => {
    turns++;
    if (going) setImmediate(count);
  };
  setImmediate(count);
  const { index } = await refreshIndex(file, undefined);
  going = false;
  assert.equal(index.messages.count, 40_000);
  // Some 4,000 messages at most between two of them.
  assert.ok(turns >= 10, `${turns} turns`);
});

test("an empty file has no messages, and its index comes back", async (t) => {
  const site = temporarySite(t);
  const path = join(site.spoolDir, "wang");
  writeFileSync(path, "");
  const store = openIndexStore(site, { log: memoryLog([]), clock: systemClock });
  t.after(() => store.close());
  const file = await openFile(path, "r");
  t.after(() => file.close());
  const first = await refreshIndex(file, undefined);
  assert.equal(first.index.messages.count, 0);
  await store.write("wang", first.index, 0);
  assert.equal((await refreshIndex(file, await store.read("wang"))).how, "kept");
});

test("of the ids of a large mailbox, those in the way of new ones are found", () => {
  const { messages } = indexOf(5000);
  const wanted = [
    { digest: md5(13) },
    { digest: md5(4), given: "uid-25" },
    { digest: "f".repeat(32), given: md5(8) },
  ];
  const near = takenNear(wanted, messages);
  for (const uid of [`${md5(13)}.2`, md5(13), md5(4), "uid-25", md5(8)]) assert.ok(near.has(uid), uid);
  assert.ok(near.size < 200, `${near.size} are near`);
});

test("what is held in memory is bounded, and believed only while it is what is stored", () => {
  const index = indexOf(1000);
  const head = (generation: string) => ({ generation: Buffer.from(generation) }) as IndexHead;
  const held = new HeldIndexes(3 * (index.messages.byteLength + 1024));
  for (const name of ["a", "b", "c"]) held.hold(name, head("1"), index);
  assert.equal(held.get("a", head("1")), index);
  assert.equal(held.get("a", head("2")), undefined);
  held.hold("d", head("1"), index);
  assert.equal(held.get("b", head("1")), undefined);
  for (const name of ["a", "c", "d"]) assert.equal(held.get(name, head("1")), index);
  held.hold("e", head("1"), indexOf(50_000));
  assert.equal(held.get("e", head("1")), undefined);
  assert.equal(held.get("d", head("1")), index);
});

test("indexes of mailboxes that are gone are dropped, others stay", async (t) => {
  const site = temporarySite(t);
  const logged: string[] = [];
  const store = openIndexStore(site, { log: memoryLog(logged), clock: systemClock });
  t.after(() => store.close());
  for (const name of ["chen", "li", "wang", "zhang"]) await store.write(name, indexOf(3000), 0);
  await store.sweep((name) => Promise.resolve(name === "li" || name === "zhang"));
  await store.forget("zhang");
  const left: string[] = [];
  for (const name of ["chen", "li", "wang", "zhang"])
    if ((await store.read(name)) !== undefined) left.push(name);
  assert.deepEqual(left, ["li"]);
  assert.equal((await store.read("li"))!.messages.count, 3000);
  assert.deepEqual(logged, []);
});
