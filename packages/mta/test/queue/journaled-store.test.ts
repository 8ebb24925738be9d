import assert from "node:assert/strict";
import nodeFs, { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { siteAt } from "@mailhost/common/site";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import fc from "fast-check";
import { queuePaths } from "../../src/queue/environment.ts";
import { frameHead } from "../../src/queue/journal-frame.ts";
import type { JournalFileSystem } from "../../src/queue/journal-segment.ts";
import { journalFolder, openQueue } from "../../src/queue/open-queue.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import type { QueueStore } from "../../src/queue/queue-store.ts";
import { accept, daemonQueue, idsOf, START } from "./daemon-queue.ts";
import { HEADER, listLog, message, readBody, temporarySite } from "./queue-samples.ts";

test("a message that was accepted is there after a kill, small, large or empty, and one that is done with is not", async (t) => {
  const { store, afterKill, passing } = await daemonQueue(t);
  const [small, large] = [`${HEADER}a few words\r\n`, Buffer.alloc(200_000, 0x62)];
  const texts = [small, large, "", Buffer.alloc(65_536, 0x63)];
  const entries: QueueEntry[] = [];
  for (const text of texts) entries.push(await passing(accept(store, text)));
  const gone = await passing(accept(store, small));
  const goneLarge = await passing(accept(store, large));
  await passing(store.change({ remove: [gone.id] }));
  await passing(
    store.change({ remove: [goneLarge.id], known: { size: 200_000, row: { at: 1, id: "", lane: "" } } }),
  );
  assert.equal(store.count(), 4);
  for (const queue of [store, (await afterKill()).store]) {
    assert.deepEqual(idsOf(queue), entries.map(({ id }) => id).sort());
    for (const [i, text] of texts.entries()) {
      const entry = queue.get(entries[i]!.id);
      assert.deepEqual(entry, entries[i]);
      assert.equal(queue.bodyFault(entry!), undefined);
      assert.ok((await readBody(queue.body(entry!))).equals(Buffer.from(text)));
    }
    assert.ok(!queue.isThere(gone.id));
  }
});

test("a message is on its way from its first octet to its commit, or until it is given up", async (t) => {
  const { store, passing, isReceiving } = await daemonQueue(t);
  assert.equal(isReceiving?.(), false);
  const [first, second] = [store.receive(), store.receive()];
  await first.write(Buffer.from(HEADER));
  assert.equal(isReceiving?.(), true);
  await second.abort();
  assert.equal(isReceiving?.(), true);
  const committed = first.commit(message());
  assert.equal(isReceiving?.(), true);
  await passing(committed);
  assert.equal(isReceiving?.(), false);
});

test("what is accepted is in no table until it is settled, or has stayed for 3 s", async (t) => {
  const { store, settle, clock, passing, afterKill } = await daemonQueue(t);
  const first = await passing(accept(store));
  assert.deepEqual(store.due(clock.now() + 1, 10), []);
  await passing(settle());
  assert.deepEqual(store.due(clock.now() + 1, 10), [first.id]);
  const second = await passing(accept(store));
  await clock.advance(4000);
  for (let turn = 0; turn < 100_000 && store.due(clock.now(), 10).length < 2; turn++) {
    await new Promise(setImmediate);
    if (turn % 20 === 19) await clock.advance(1);
  }
  assert.deepEqual(store.due(clock.now(), 10), [first.id, second.id]);
  assert.deepEqual(idsOf(store), [first.id, second.id].sort());
  const after = await afterKill();
  assert.deepEqual(after.store.due(clock.now(), 10), [first.id, second.id]);
  // Its end is an ordinary change from here on, and the journal does not bring it back.
  await passing(store.change({ remove: [second.id] }));
  assert.deepEqual(idsOf((await afterKill()).store), [first.id]);
});

test("a message whose memory is let go of is read where it is durable: in the journal, then in the tables", async (t) => {
  const fs = { ...nodeFs };
  const { store, settle, passing } = await daemonQueue(t, fs);
  const text = `${HEADER}a few words\r\n`;
  const entry = await passing(accept(store, text));
  const body = store.body(entry);
  const copied = () => {
    const target = Buffer.alloc(text.length + 4, ".");
    return body.copyTo!(target, 2) && target.toString();
  };
  const whole = `..${text}..`;
  const read = t.mock.method(fs, "readSync");
  assert.equal(copied(), whole);
  assert.equal(read.mock.callCount(), 0, "it is in memory");
  body.letGo!();
  assert.equal(copied(), whole);
  assert.equal(read.mock.callCount(), 1, "it is in the journal");
  assert.equal(body.whole()!.toString(), text);
  assert.equal(store.bodyFault(entry), undefined);
  read.mock.mockImplementation(() => {
    throw new Error("disk read error");
  });
  assert.throws(copied, /disk read error/);
  read.mock.restore();
  await passing(settle());
  assert.equal(copied(), whole);
  await passing(store.change({ remove: [entry.id] }));
  assert.equal(copied(), false);
});

test("what is deferred, held or forced goes on in the tables", async (t) => {
  const { store, clock, passing, afterKill } = await daemonQueue(t);
  const [deferred, held, discarded, forced] = [
    await passing(accept(store)),
    await passing(accept(store)),
    await passing(accept(store)),
    await passing(accept(store)),
  ];
  deferred.nextAttemptAt = clock.now() + 60_000;
  deferred.attempts = 1;
  await passing(store.change({ update: [deferred] }));
  assert.equal(await passing(store.hold(held.id, "a reason")), true);
  assert.equal(await passing(store.discard(discarded.id)), true);
  assert.equal(await passing(store.forceAll(clock.now())), 2);
  for (const queue of [store, (await afterKill()).store]) {
    assert.equal(queue.get(deferred.id)?.attempts, 1);
    assert.equal(queue.get(held.id)?.held, "a reason");
    assert.equal(queue.isThere(discarded.id), false);
    assert.equal(queue.get(forced.id)?.recipients[0]?.forced, true);
  }
});

test("the end of a message and the report about it are one", async (t) => {
  const { store, passing, afterKill } = await daemonQueue(t);
  const entry = await passing(accept(store));
  const report = { message: message({ sender: "" }), body: Buffer.from(`${HEADER}a report\r\n`) };
  const [added] = await passing(store.change({ remove: [entry.id], add: [report] }));
  assert.equal(store.get(added!.id)?.sender, "");
  const after = await afterKill();
  assert.deepEqual(idsOf(after.store), [added!.id]);
  assert.ok((await readBody(after.store.body(after.store.get(added!.id)!))).equals(report.body));
});

test("files are used anew, and a stream of messages takes no more than two or three of them", async (t) => {
  const { store, dir, passing, afterKill } = await daemonQueue(t);
  const stays = await passing(accept(store, "the first"));
  const body = Buffer.alloc(50_000, 0x61);
  let last: QueueEntry | undefined;
  for (let i = 0; i < 300; i++) {
    const before = last;
    last = await passing(accept(store, body));
    if (before !== undefined) await passing(store.change({ remove: [before.id] }));
    if (i === 100) assert.deepEqual(idsOf((await afterKill()).store), [stays.id, last.id].sort());
    if (i === 100) await passing(store.hold(stays.id, "out of the way"));
  }
  // Four were begun while the first message was in the way of using the first one anew.
  assert.ok(readdirSync(journalFolder(dir)).length <= 6, readdirSync(journalFolder(dir)).join());
  assert.deepEqual(idsOf((await afterKill()).store), [stays.id, last!.id].sort());
});

test("more than the journal holds goes into the tables, and comes to its end from there", async (t) => {
  const { store, dir, passing, afterKill } = await daemonQueue(t);
  const body = Buffer.alloc(65_000, 0x61);
  const ids: string[] = [];
  for (let i = 0; i < 60; i++) {
    const some = await passing(Promise.all(Array.from({ length: 20 }, () => accept(store, body))));
    ids.push(...some.map(({ id }) => id));
  }
  assert.ok(readdirSync(journalFolder(dir)).length <= 33, "32 segments and the owner");
  assert.ok(store.due(START + 60_000, 2000).length > 50, "some are in the tables");
  const expected = ids.toSorted();
  assert.deepEqual(idsOf(store), expected);
  assert.deepEqual(idsOf((await afterKill()).store), expected);
  for (let i = 0; i < ids.length; i += 100) {
    await passing(Promise.all(ids.slice(i, i + 100).map((id) => store.change({ remove: [id] }))));
  }
  assert.deepEqual(idsOf(store), []);
  assert.deepEqual(idsOf((await afterKill()).store), []);
});

test("a clean end leaves nothing in the journal, and what was accepted in the tables", async (t) => {
  const site = await temporarySite(t);
  const clock = new ManualClock(START);
  const { store } = await openQueue(site, { clock, log: listLog(), daemon: true });
  const { id } = await accept(store);
  await store.close();
  assert.deepEqual(readdirSync(journalFolder(site.queueDir)), ["owner"]);
  const again = await openQueue(site, { clock, log: listLog(), readOnly: true });
  assert.ok(again.store.get(id));
  await again.store.close();
});

test("whoever else opens the queue does not touch the journal of one that has it open", async (t) => {
  const { store, dir, passing } = await daemonQueue(t);
  const { id } = await passing(accept(store));
  const before = readdirSync(journalFolder(dir));
  const site = siteAt(join(dir, "../../.."));
  assert.equal(site.queueDir, dir);
  const other = await openQueue(site, { clock: new ManualClock(START), log: listLog() });
  assert.equal(other.store.isThere(id), false);
  assert.deepEqual(readdirSync(journalFolder(dir)), before);
  await other.store.close();
});

/** A file system of which some calls fail: each number is how many calls of its kind succeed before one does not. */
function failing(plan: readonly number[]): {
  fs: JournalFileSystem;
  failures: () => number;
  /** Until then nothing fails. */
  arm: () => void;
} {
  let armed = false;
  let failures = 0;
  let next = 0;
  let left = plan[0] ?? Number.POSITIVE_INFINITY;
  const fails = () => {
    if (!armed || left-- > 0) return false;
    left = plan[++next] ?? Number.POSITIVE_INFINITY;
    failures++;
    return true;
  };
  const error = () => Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  const guarded = <A extends unknown[], R>(call: (...args: A) => R) => {
    return (...args: A): R => {
      if (fails()) throw error();
      return call(...args);
    };
  };
  const fs = {
    ...nodeFs,
    openSync: guarded(nodeFs.openSync),
    unlinkSync: guarded(nodeFs.unlinkSync),
    writevSync(fd: number, pieces: NodeJS.ArrayBufferView[], at?: number) {
      if (!fails()) return nodeFs.writevSync(fd, pieces, at);
      // It may all be there, in part, or not at all.
      if (failures % 3 === 0) nodeFs.writevSync(fd, pieces, at);
      if (failures % 3 === 1) return nodeFs.writevSync(fd, pieces.slice(0, 1), at);
      throw error();
    },
    writev(
      fd: number,
      pieces: NodeJS.ArrayBufferView[],
      at: number,
      done: (error: NodeJS.ErrnoException | null, written: number, pieces: NodeJS.ArrayBufferView[]) => void,
    ) {
      if (fails()) {
        if (failures % 2 === 0) nodeFs.writevSync(fd, pieces, at);
        process.nextTick(() => done(error(), 0, []));
      } else nodeFs.writev(fd, pieces, at, done);
    },
    fsync(fd: number, done: (error: Error | null) => void) {
      if (fails()) process.nextTick(() => done(error()));
      else nodeFs.fsync(fd, done);
    },
  } as unknown as JournalFileSystem;
  return { fs, failures: () => failures, arm: () => (armed = true) };
}

type Step = "accept" | "several" | "end" | "report" | "defer" | "settle" | "time" | "kill";

test("whatever fails and whenever it is killed: what was acknowledged is there, and what was done with is not", async (t) => {
  const steps = fc.array(
    fc.constantFrom<Step>("accept", "several", "end", "end", "report", "defer", "settle", "time", "kill"),
    { minLength: 5, maxLength: 30 },
  );
  const plan = fc.array(fc.nat(12), { maxLength: 4 });
  let faults = 0;
  await fc.assert(
    fc.asyncProperty(steps, plan, async (all, calls) => {
      const { fs, failures, arm } = failing(calls);
      const { store, settle, clock, passing, afterKill } = await daemonQueue(t, fs);
      arm();
      const there = new Map<string, QueueEntry>();
      const gone = new Set<string>();
      const acceptOne = async () => {
        const entry = await accept(store);
        there.set(entry.id, entry);
      };
      const check = (queue: QueueStore) => {
        for (const id of there.keys()) assert.ok(queue.isThere(id), `${id} is lost`);
        for (const id of gone) assert.ok(!queue.isThere(id), `${id} is back`);
      };
      for (const step of all) {
        const [entry] = there.values();
        try {
          if (step === "accept") await passing(acceptOne());
          if (step === "several") await passing(Promise.all([acceptOne(), acceptOne(), acceptOne()]));
          if (step === "settle") await passing(settle());
          if (step === "time") await clock.advance(4000);
          if (step === "kill") check((await afterKill()).store);
          if (entry === undefined) continue;
          if (step === "end" || step === "report") {
            there.delete(entry.id);
            const report = { message: message(), body: Buffer.from(HEADER) };
            const add = step === "report" ? [report] : [];
            const added = await passing(store.change({ remove: [entry.id], add }));
            gone.add(entry.id);
            for (const one of added) there.set(one.id, one);
          }
          if (step === "defer") {
            const later = { ...entry, nextAttemptAt: clock.now() + 60_000, attempts: entry.attempts + 1 };
            await passing(store.change({ update: [later] }));
            there.set(entry.id, later);
            assert.equal(store.get(entry.id)?.attempts, later.attempts);
          }
        } catch (error) {
          // A fault of the disk is told; whether that message is there or not is open then.
          if ((error as { code?: string }).code === undefined) throw error;
        }
        check(store);
      }
      check((await afterKill()).store);
      faults += failures();
    }),
    { numRuns: 40, includeErrorInReport: true },
  );
  t.diagnostic(`${faults} faults`);
  assert.ok(faults > 5);
});

test("the queue's paths hold the journal beside the tables", async (t) => {
  const { dir, store, passing } = await daemonQueue(t);
  await passing(accept(store));
  assert.deepEqual(readdirSync(join(dir, "accepted")).sort(), ["1.seg", "owner"]);
  assert.equal(nodeFs.statSync(join(dir, "accepted/1.seg")).mode & 0o777, 0o600);
  assert.ok(queuePaths(siteAt(join(dir, "../../.."))).dir === dir);
});

test("a journal that cannot be read is put aside and named, and the host goes on", async (t) => {
  const { dir, store, passing } = await daemonQueue(t);
  await passing(accept(store));
  const copy = await temporarySite(t);
  mkdirSync(journalFolder(copy.queueDir), { recursive: true });
  const pieces = [Buffer.from([9, 0])];
  const strange = Buffer.concat([frameHead(1, 0, pieces), ...pieces]);
  nodeFs.writeFileSync(join(journalFolder(copy.queueDir), "1.seg"), strange);
  cpSync(join(dir, "accepted/1.seg"), join(journalFolder(copy.queueDir), "2.seg"));
  mkdirSync(queuePaths(copy).large);
  nodeFs.writeFileSync(join(queuePaths(copy).large, "6ARC00Gm006692"), "a large message");
  const log = listLog();
  const next = await openQueue(copy, { clock: new ManualClock(START), log, daemon: true });
  t.after(() => next.store.close());
  const aside = "accepted.damaged-20261127T120000Z";
  assert.deepEqual(readdirSync(join(copy.queueDir, aside)).sort(), ["1.seg", "2.seg", "6ARC00Gm006692"]);
  assert.match(
    log.lines.join("\n"),
    new RegExp(`accepted is damaged: .*unknown kind 9; moved to .*${aside}`),
  );
  const { id } = await accept(next.store);
  assert.ok(next.store.isThere(id));
});

test("what a killed process left and cannot be taken in yet is taken in later, and once", async (t) => {
  const { killed, store, passing } = await daemonQueue(t);
  const entry = await passing(accept(store));
  const copy = await killed();
  let fails = true;
  const fs = {
    ...nodeFs,
    unlinkSync(path: string) {
      if (fails) throw Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
      nodeFs.unlinkSync(path);
    },
  } as JournalFileSystem;
  const clock = new ManualClock(START);
  const log = listLog();
  const next = await openQueue(copy, { clock, log, daemon: true, journalFileSystem: fs });
  t.after(() => next.store.close());
  assert.match(log.lines.join("\n"), /EROFS/);
  // It is in the tables, is delivered, and does not come back when the files go.
  assert.ok(next.store.isThere(entry.id));
  const passed = async (over: () => boolean) => {
    for (let turn = 0; turn < 20_000 && !over(); turn++) {
      await new Promise(setImmediate);
      if (turn % 20 === 19) await clock.advance(10);
    }
  };
  let gone = false;
  void next.store.change({ remove: [entry.id] }).then(() => (gone = true));
  await passed(() => gone);
  fails = false;
  await passed(() => !readdirSync(journalFolder(copy.queueDir)).includes("1.seg"));
  assert.equal(next.store.isThere(entry.id), false);
  let used = false;
  await passed(() => {
    void accept(next.store).then(({ id }) => {
      assert.ok(next.store.isThere(id));
      used ||= readdirSync(journalFolder(copy.queueDir)).includes("1.seg");
    });
    return used;
  });
  assert.ok(used, "the journal is in use again");
});

test("large messages are not swept out while the journal that knows of them cannot be taken in", async (t) => {
  const { killed, store, passing } = await daemonQueue(t);
  const small = await passing(accept(store));
  const large = await passing(accept(store, Buffer.alloc(100_000, 0x62)));
  const copy = await killed();
  // The file is older than the start, and whoever wrote it is gone: its number is free.
  const old = `${large.id.slice(0, -6)}999999`;
  assert.equal(old.length, large.id.length);
  nodeFs.renameSync(join(queuePaths(copy).large, large.id), join(queuePaths(copy).large, old));
  nodeFs.utimesSync(join(queuePaths(copy).large, old), 1, 1);
  const fs = {
    ...nodeFs,
    readSync() {
      throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
    },
  } as unknown as JournalFileSystem;
  const options = { clock: new ManualClock(START), log: listLog(), daemon: true };
  const waiting = await openQueue(copy, { ...options, journalFileSystem: fs });
  assert.deepEqual(readdirSync(queuePaths(copy).large), [old]);
  await waiting.store.close();
  const next = await openQueue(copy, options);
  t.after(() => next.store.close());
  assert.deepEqual(idsOf(next.store), [small.id, large.id].toSorted());
});

for (const code of ["EMFILE", "EACCES", "ENOMEM"]) {
  test(`a journal that cannot be read for ${code} is not taken for damaged: it stays, and the next start has it`, async (t) => {
    const { killed, store, passing } = await daemonQueue(t);
    const entry = await passing(accept(store));
    const copy = await killed();
    const fs = {
      ...nodeFs,
      readFileSync() {
        throw Object.assign(new Error(`${code}: not now`), { code });
      },
    } as unknown as JournalFileSystem;
    const options = { clock: new ManualClock(START), log: listLog(), daemon: true };
    await assert.rejects(openQueue(copy, { ...options, journalFileSystem: fs }), { code });
    assert.deepEqual(
      readdirSync(copy.queueDir).filter((name) => name.includes("damaged")),
      [],
    );
    const next = await openQueue(copy, options);
    t.after(() => next.store.close());
    assert.deepEqual(idsOf(next.store), [entry.id]);
  });
}
