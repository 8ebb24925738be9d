import assert from "node:assert/strict";

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { rm, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { queuePaths } from "../../src/queue/environment.ts";
import { type DfFileSystem, nodeDfFileSystem } from "../../src/queue/large-body.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { dueRowsOf } from "../../src/queue/queue-store.ts";
import { RecentBodies } from "../../src/queue/recent-bodies.ts";
import {
  enqueue,
  entryOf,
  HEADER,
  listLog,
  local,
  message,
  readBody,
  remote,
  temporaryQueue,
  temporarySite,
} from "./queue-samples.ts";

const LARGE = Buffer.concat([Buffer.from(HEADER), Buffer.alloc(300_000, "0123456789abcdef\r\n")]);

test("a message comes back as it went in, small or large, from any offset", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const empty = await enqueue(store, {}, "");
  const small = await enqueue(store, {}, `${HEADER}8-bit: \xe9`);
  const exact = await enqueue(store, {}, Buffer.alloc(65_536, 0x61));
  const large = await enqueue(store, {}, LARGE);
  assert.equal((await readBody(store.body(empty))).length, 0);
  assert.equal((await readBody(store.body(small))).toString(), `${HEADER}8-bit: \xe9`);
  assert.equal((await readBody(store.body(exact))).length, 65_536);
  assert.deepEqual(readdirSync(queuePaths(site).large), [large.id]);
  assert.equal(statSync(join(queuePaths(site).large, large.id)).mode & 0o777, 0o600);
  assert.ok((await readBody(store.body(large))).equals(LARGE));
  assert.ok((await readBody(store.body(large), 123_456)).equals(LARGE.subarray(123_456)));
  assert.deepEqual(
    [...store.list()].map((e) => e.id),
    [empty.id, small.id, exact.id, large.id],
  );
  assert.equal(store.count(), 4);
});

test("an entry survives closing and opening again, and is due at once", async (t) => {
  const { store, site, clock, log } = await temporaryQueue(t);
  const entry = await enqueue(store, { recipients: [remote("a@far.example"), local("bob@here.example")] });
  await store.close();
  const again = await openQueue(site, { clock, log });
  t.after(() => again.store.close());
  assert.deepEqual(again.store.get(entry.id), entry);
  assert.deepEqual(again.store.dueRows(clock.now(), 10), [
    { at: clock.now(), id: entry.id, lane: "/bob" },
    { at: clock.now(), id: entry.id, lane: "far.example" },
  ]);
  assert.equal(again.store.nextDue(), clock.now());
});

test("due ids come earliest first, page by page", async (t) => {
  const { store, clock } = await temporaryQueue(t);
  const entries: QueueEntry[] = [];
  for (let i = 0; i < 5; i++) entries.push(await enqueue(store));
  const [a, b, c, d, e] = entries;
  for (const [i, entry] of [c!, a!, e!, b!].entries()) entry.nextAttemptAt = clock.now() + 1000 * i;
  d!.nextAttemptAt = clock.now() + 9000;
  await store.change({ update: entries });
  const now = clock.now() + 5000;
  assert.deepEqual(
    store.due(now, 10),
    [c, a, e, b].map((entry) => entry!.id),
  );
  const [first] = store.dueRows(now, 1);
  assert.deepEqual(
    store.dueRows(now, 2, first).map((row) => row.id),
    [a!.id, e!.id],
  );
  assert.equal(store.due(clock.now() - 1, 10).length, 0);
});

test("update, removal and a report are one change; the data file goes too", async (t) => {
  const { store, site, clock } = await temporaryQueue(t);
  const large = await enqueue(store, {}, LARGE);
  const other = await enqueue(store);
  other.attempts = 3;
  const [report] = await store.change({
    remove: [large.id],
    update: [other],
    add: [{ message: message({ sender: "", isReport: true }), body: Buffer.from("report") }],
  });
  assert.equal(store.get(large.id), undefined);
  assert.deepEqual(readdirSync(queuePaths(site).large), []);
  assert.equal(store.get(other.id)?.attempts, 3);
  assert.equal((await readBody(store.body(report!))).toString(), "report");
  assert.deepEqual(store.due(clock.now(), 10).sort(), [other.id, report!.id].sort());
});

test("what an administrator did meanwhile wins over the result of an attempt", async (t) => {
  const { store, clock } = await temporaryQueue(t);
  const gone = await enqueue(store);
  const held = await enqueue(store);
  await store.change({ remove: [gone.id] });
  assert.equal(await store.hold(held.id, "by an administrator"), true);
  held.attempts = 1;
  held.nextAttemptAt = clock.now() + 1000;
  await store.change({ update: [gone, held] });
  assert.equal(store.get(gone.id), undefined);
  assert.equal(store.get(held.id)?.held, "by an administrator");
  assert.equal(store.get(held.id)?.attempts, 1);
  assert.deepEqual(store.due(clock.now() + 1e9, 10), []);
  assert.equal(await store.release(held.id, clock.now()), true);
  assert.equal(store.get(held.id)?.held, undefined);
  assert.deepEqual(store.due(clock.now(), 10), [held.id]);
  assert.equal(await store.hold("6AONqJ00001234", "x"), false);
});

test("a message in quarantine waits for a person, whatever an attempt under way says", async (t) => {
  const { store, clock, site, log } = await temporaryQueue(t);
  const bad = await enqueue(store, { quarantine: "looks bad" });
  const later = await enqueue(store);
  assert.deepEqual(store.due(clock.now(), 10), [later.id]);
  assert.equal(await store.quarantine(later.id, "so does this"), true);
  later.attempts = 1;
  await store.change({ update: [later] });
  assert.equal(store.get(later.id)?.quarantine, "so does this");
  assert.equal(store.get(later.id)?.attempts, 1);
  assert.deepEqual(store.due(clock.now() + 1e9, 10), []);
  assert.equal(await store.forceAll(clock.now()), 0);
  await store.close();
  const again = await openQueue(site, { clock, log });
  t.after(() => again.store.close());
  assert.equal(again.store.get(bad.id)?.quarantine, "looks bad");
  await again.store.hold(bad.id, "and held");
  await again.store.release(bad.id, clock.now());
  assert.deepEqual(again.store.due(clock.now(), 10), [bad.id]);
  assert.equal(again.store.get(bad.id)?.quarantine, undefined);
  assert.equal(await again.store.quarantine("6AONqJ00001234", "x"), false);
});

test("a message that names its first attempt is not due before", async (t) => {
  const { store, clock } = await temporaryQueue(t);
  const entry = await enqueue(store, { firstAttemptAt: clock.now() + 1000 });
  assert.deepEqual(store.due(clock.now() + 999, 10), []);
  assert.deepEqual(store.due(clock.now() + 1000, 10), [entry.id]);
  assert.equal(await store.forceAll(clock.now(), (e) => e.id !== entry.id), 0);
  assert.equal(await store.forceAll(clock.now(), (e) => e.id === entry.id), 1);
  assert.deepEqual(store.due(clock.now(), 10), [entry.id]);
});

test("an entry has all that its message has, now and when it is read again", async (t) => {
  const { store, clock } = await temporaryQueue(t);
  const optional = {
    senderUser: "<joe@linuxaid.com.cn> (1000/1000)",
    dsnReturn: "HDRS",
    envelopeId: "QQ314159",
    authSender: "",
    messageId: "<1@far.example>",
    isReport: false,
    countedSize: 7,
    expanded: [],
    isDoubleBounce: true,
    bodyTypeGiven: true,
    precedence: -30,
    quarantine: "looks odd",
  } as const;
  const entry = await enqueue(store, optional);
  const times = { receivedAt: clock.now(), attempts: 0, lastAttemptAt: 0, warnedAt: 0 };
  const sizes = { id: entry.id, size: HEADER.length, nextAttemptAt: clock.now() };
  assert.deepEqual(entry, { ...message(optional), ...times, ...sizes });
  assert.deepEqual(store.get(entry.id), entry);
});

test("forceAll makes everything due but what is held", async (t) => {
  const { store, clock } = await temporaryQueue(t);
  const entries: QueueEntry[] = [];
  for (let i = 0; i < 1203; i++) entries.push(await enqueue(store));
  for (const entry of entries) entry.nextAttemptAt = clock.now() + 1e6;
  await store.change({ update: entries });
  await store.hold(entries[700]!.id, "x");
  assert.equal(await store.forceAll(clock.now()), 1202);
  assert.equal(store.due(clock.now(), 5000).length, 1202);
  assert.equal(store.get(entries[0]!.id)?.recipients[0]?.forced, true);
});

test("mailboxes share one row of the due index, each remote domain has its own", () => {
  const entry = entryOf({
    id: "x",
    nextAttemptAt: 10,
    recipients: [
      remote("a@Far.Example"),
      local("bob@here", { dueAt: 30 }),
      local("eve@here", { dueAt: 20 }),
      remote("b@far.example.", { dueAt: 5 }),
      remote("c@near.example", { dueAt: 40 }),
      remote("d@done.example", { state: "delivered" }),
    ],
  });
  assert.deepEqual(dueRowsOf(entry), [
    { at: 5, id: "x", lane: "far.example" },
    { at: 20, id: "x", lane: "/bob" },
    { at: 40, id: "x", lane: "near.example" },
  ]);
  for (const recipient of entry.recipients) recipient.state = "failed";
  assert.deepEqual(dueRowsOf(entry), [{ at: 10, id: "x", lane: "" }]);
});

test("two processes' views: what one commits the other sees at once", async (t) => {
  const { store, site, clock, log } = await temporaryQueue(t);
  const reader = await openQueue(site, { clock, log, readOnly: true });
  t.after(() => reader.store.close());
  assert.equal(reader.store.count(), 0);
  const entry = await enqueue(store);
  assert.equal(reader.store.count(), 1);
  assert.equal(reader.store.get(entry.id)?.sender, entry.sender);
});

test("read only, a queue that is not there is named and nothing is made", async (t) => {
  const site = await temporarySite(t);
  const opening = openQueue(site, { clock: new ManualClock(), log: listLog(), readOnly: true });
  await assert.rejects(opening, { code: "ENOENT" });
  assert.equal(existsSync(site.queueDir), false);
});

for (const failing of ["open", "writev", "datasync", "sync", "close"] as const) {
  test(`a data file whose ${failing} fails leaves nothing behind`, async (t) => {
    const site = await temporarySite(t);
    const full = Object.assign(new Error(`ENOSPC: no space left on device, ${failing}`), { code: "ENOSPC" });
    let armed = true;
    const fileSystem: DfFileSystem = {
      rm: (path) => nodeDfFileSystem.rm(path),
      async open(path, flags, mode) {
        if (failing === "open" && armed) throw full;
        const handle = await nodeDfFileSystem.open(path, flags, mode);
        return new Proxy(handle, {
          get(target, key) {
            if (key === failing && armed) {
              return async () => {
                if (failing === "close") await target.close();
                throw full;
              };
            }
            const value: unknown = Reflect.get(target, key);
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
      },
    };
    const { store } = await openQueue(site, { clock: new ManualClock(), log: listLog(), fileSystem });
    t.after(() => store.close());
    await assert.rejects(enqueue(store, {}, LARGE), { code: "ENOSPC" });
    assert.equal(store.count(), 0);
    assert.deepEqual(readdirSync(queuePaths(site).large), []);
    armed = false;
    assert.equal((await enqueue(store, {}, LARGE)).size, LARGE.length);
  });
}

test("an id can be drawn before its message comes, and costs nothing if none does", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const [unused, id] = [store.newId(), store.newId()];
  assert.ok(unused < id);
  const writer = store.receive(id);
  await writer.write(Buffer.from("x"));
  assert.equal((await writer.commit(message())).id, id);
  assert.deepEqual(
    [...store.list()].map((entry) => entry.id),
    [id],
  );
  assert.deepEqual(readdirSync(queuePaths(site).large), []);
});

test("an aborted message leaves nothing; abort after commit harms nothing", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const writer = store.receive();
  await writer.write(LARGE);
  assert.equal(readdirSync(queuePaths(site).large).length, 1);
  await writer.abort();
  assert.deepEqual(readdirSync(queuePaths(site).large), []);
  const kept = store.receive();
  await kept.write(LARGE);
  const entry = await kept.commit(message());
  await kept.abort();
  assert.ok((await readBody(store.body(entry))).equals(LARGE));
});

test("the next start removes data files that no entry names and nobody writes", async (t) => {
  const { store, site, clock, log } = await temporaryQueue(t);
  const entry = await enqueue(store, {}, LARGE);
  await store.close();
  const orphan = "6AONqJ00000000";
  // A host that was started while a command had the queue open goes on after the command has ended.
  const beingWritten = `6AONqJ01${String(process.ppid % 1_000_000).padStart(6, "0")}`;
  for (const name of [orphan, beingWritten]) {
    const path = join(queuePaths(site).large, name);
    await writeFile(path, "half");
    await utimes(path, 1, 1);
  }
  const again = await openQueue(site, { clock, log });
  t.after(() => again.store.close());
  assert.deepEqual(readdirSync(queuePaths(site).large).sort(), [entry.id, beingWritten].sort());
  assert.match(log.lines.join("\n"), /6AONqJ00000000: message was never accepted/);
});

test("a data file that is missing or cut short is a fault of its entry only", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const [gone, cut, sound] = [
    await enqueue(store, {}, LARGE),
    await enqueue(store, {}, LARGE),
    await enqueue(store),
  ];
  await rm(join(queuePaths(site).large, gone.id));
  await truncate(join(queuePaths(site).large, cut.id), 1000);
  assert.match(store.bodyFault(gone) ?? "", /is missing/);
  assert.match(store.bodyFault(cut) ?? "", /has 1000 octets instead of/);
  assert.equal(store.bodyFault(sound), undefined);
  await assert.rejects(readBody(store.body(cut)), /ends at 1000 of/);
});

test("space of removed messages is used again", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const body = Buffer.alloc(40_000, 0x61);
  for (let i = 0; i < 600; i++) {
    const entry = await enqueue(store, {}, body);
    await store.change({ remove: [entry.id] });
  }
  assert.ok(statSync(queuePaths(site).environment).size < 4 * 1024 * 1024);
});

test("a message in one piece: kept from its commit to its end, then read from the table, and valid ever after", async (t) => {
  const { store, site, clock } = await temporaryQueue(t);
  const entry = await enqueue(store, {}, HEADER);
  const kept = store.body(entry).whole();
  assert.equal(store.body(entry).whole(), kept, "nothing is read");
  await store.change({ update: [{ ...entry, attempts: 1 }] });
  const read = store.body(entry).whole();
  assert.notEqual(read, kept);
  const others = await openQueue(site, { clock, log: listLog() });
  await store.change({ remove: [entry.id] });
  for (let i = 0; i < 20; i++) await enqueue(store, {}, "x".repeat(HEADER.length));
  assert.deepEqual([String(kept), String(read)], [HEADER, HEADER]);
  assert.equal(store.body(entry).whole(), undefined);
  const large = await enqueue(store, {}, "y".repeat(70_000));
  const body = store.body(large);
  assert.equal(body.whole(), undefined);
  assert.equal(readFileSync(body.file!, "utf8"), "y".repeat(70_000));
  assert.equal(others.store.body(large).file, body.file);
  await others.store.close();
});

test("the memory for what was just committed is bounded: the oldest go", () => {
  const recent = new RecentBodies(100);
  for (let i = 0; i < 50; i++) recent.keep(`id${i}`, Buffer.alloc(30));
  assert.equal(recent.octets, 90);
  assert.deepEqual(
    [46, 47, 49].map((i) => recent.get(`id${i}`)?.length),
    [undefined, 30, 30],
  );
  for (let i = 0; i < 50; i++) recent.drop(`id${i}`);
  assert.equal(recent.octets, 0);
});
