/** Changes to messages and looks at the queue in the same moment: a message is in one place, and the last word about it counts. */
import assert from "node:assert/strict";
import nodeFs from "node:fs";
import test from "node:test";
import fc from "fast-check";
import type { JournalFileSystem } from "../../src/queue/journal-segment.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import type { QueueStore } from "../../src/queue/queue-store.ts";
import { accept, daemonQueue, idsOf, START } from "./daemon-queue.ts";
import { HEADER, message } from "./queue-samples.ts";

interface SideBySide {
  readonly kind: "end" | "report" | "defer" | "settle" | "hold" | "time";
  readonly message: number;
  /** Microtasks, then turns of the event loop, before the next one begins. */
  readonly pause: readonly [number, number];
}

test("whatever is done side by side, whenever: each message is where the last word about it left it", async (t) => {
  const kinds = ["end", "end", "report", "defer", "settle", "settle", "hold", "time"] as const;
  const steps = fc.array(
    fc.record<SideBySide>({
      kind: fc.constantFrom(...kinds),
      message: fc.nat(7),
      pause: fc.tuple(fc.nat(3), fc.nat(2)),
    }),
    { minLength: 4, maxLength: 24 },
  );
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const { store, settle, clock, passing, afterKill } = await daemonQueue(t);
      const entries: QueueEntry[] = [];
      for (let i = 0; i < 8; i++) entries.push(await passing(accept(store)));
      const attempts = new Map(entries.map(({ id }) => [id, 0]));
      const held = new Set<string>();
      const gone = new Set<string>();
      // Commits of one message keep their order: the queue's rounds see to that.
      const words = new Map<string, Promise<unknown>>();
      const looks: Promise<unknown>[] = [];
      for (const { kind, message: number, pause } of all) {
        const entry = entries[number]!;
        const { id } = entry;
        const say = (word: () => Promise<unknown>) => {
          const before = words.get(id);
          words.set(id, before === undefined ? word() : before.then(word));
        };
        if (kind === "settle") looks.push(settle());
        if (kind === "time") looks.push(clock.advance(3500));
        if (kind === "hold" && !gone.has(id)) {
          held.add(id);
          say(() => store.hold(id, "waits"));
        }
        if (kind === "defer" && !gone.has(id)) {
          const later = attempts.get(id)! + 1;
          attempts.set(id, later);
          say(() =>
            store.change({ update: [{ ...entry, attempts: later, nextAttemptAt: START + 600_000 }] }),
          );
        }
        if ((kind === "end" || kind === "report") && !gone.has(id)) {
          gone.add(id);
          const add = kind === "report" ? [{ message: message(), body: Buffer.from(HEADER) }] : [];
          say(() => store.change({ remove: [id], add }));
        }
        for (let i = 0; i < pause[0]; i++) await Promise.resolve();
        for (let i = 0; i < pause[1]; i++) await new Promise(setImmediate);
      }
      await passing(Promise.all([...words.values(), ...looks]));
      const check = (queue: QueueStore) => {
        for (const { id } of entries) {
          const found = queue.get(id);
          assert.equal(found === undefined, gone.has(id), `${id} is ${gone.has(id) ? "back" : "lost"}`);
          if (found === undefined) continue;
          assert.equal(found.attempts, attempts.get(id), `what became of ${id} is on record`);
          assert.equal(found.held !== undefined, held.has(id));
        }
      };
      check(store);
      check((await afterKill()).store);
    }),
    { numRuns: 60, includeErrorInReport: true },
  );
});

test("the end of a message and a look at the queue in the same moment: it is not there afterwards", async (t) => {
  const { store, settle, passing, afterKill } = await daemonQueue(t);
  const { id } = await passing(accept(store));
  const changed = store.change({ remove: [id] });
  const settled = settle();
  await passing(Promise.all([changed, settled]));
  assert.equal(store.isThere(id), false);
  const next = await afterKill();
  assert.deepEqual(idsOf(next.store), []);
});

test("what became of a message and a look at the queue in the same moment: it is on record", async (t) => {
  const { store, settle, passing } = await daemonQueue(t);
  const entry = await passing(accept(store));
  const changed = store.change({ update: [{ ...entry, attempts: 1, nextAttemptAt: START + 60_000 }] });
  const settled = settle();
  await passing(Promise.all([changed, settled]));
  assert.equal(store.get(entry.id)?.attempts, 1);
});

/** The calls that write a journal, which fail while they are told to. */
function writesThat(fail: () => boolean) {
  const failing = () => Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  return {
    writevSync(fd: number, pieces: NodeJS.ArrayBufferView[], at?: number) {
      if (fail()) throw failing();
      return nodeFs.writevSync(fd, pieces, at);
    },
    writev(fd: number, pieces: Buffer[], at: number, done: (error: Error | null, n: number) => void) {
      if (fail()) process.nextTick(() => done(failing(), 0));
      else nodeFs.writev(fd, pieces, at, done);
    },
  };
}

test("an end in the very moment in which a journal that failed has been emptied: it does not come back", async (t) => {
  // So many microtasks after the last call of the emptying: that is where the store goes on.
  for (let after = 0; after < 8; after++) {
    let [fails, ended] = [false, Promise.resolve<unknown>(undefined)];
    let end: (() => Promise<unknown>) | undefined;
    const fs = {
      ...nodeFs,
      ...writesThat(() => fails),
      fsync(fd: number, done: (error: Error | null) => void) {
        nodeFs.fsync(fd, (error) => {
          done(error);
          const act = end;
          if (act === undefined) return;
          end = undefined;
          ended = (async () => {
            for (let i = 0; i < after; i++) await Promise.resolve();
            await act();
          })();
        });
      },
    } as unknown as JournalFileSystem;
    const { store, passing, afterKill } = await daemonQueue(t, fs);
    const { id } = await passing(accept(store));
    fails = true;
    end = () => {
      fails = false;
      return store.change({ remove: [id] });
    };
    await passing(accept(store));
    await passing(ended);
    assert.equal(end, undefined, "the journal was emptied");
    assert.equal(store.isThere(id), false, `${after} microtasks later`);
    assert.equal((await afterKill()).store.isThere(id), false, `${after} microtasks later, after a kill`);
  }
});

test("a letter that was let go of can be read at any moment in which a journal that failed is emptied", async (t) => {
  const text = Buffer.from(`${HEADER}a few words\r\n`);
  let fails = false;
  const reads: boolean[] = [];
  let read = () => true;
  const look =
    <A extends unknown[], R>(call: (...given: A) => R) =>
    (...given: A): R => {
      if (fails) reads.push(read());
      const result = call(...given);
      if (fails) reads.push(read());
      return result;
    };
  const fs = {
    ...nodeFs,
    ...writesThat(() => fails),
    closeSync: look(nodeFs.closeSync),
    unlinkSync: look(nodeFs.unlinkSync),
    fsync: (fd: number, done: (error: Error | null) => void) =>
      nodeFs.fsync(fd, (error) => {
        if (fails) reads.push(read());
        done(error);
      }),
  } as unknown as JournalFileSystem;
  const { store, passing } = await daemonQueue(t, fs);
  const body = store.body(await passing(accept(store, text)));
  body.letGo!();
  read = () => {
    const target = Buffer.alloc(text.length);
    return body.copyTo!(target, 0) && target.equals(text);
  };
  fails = true;
  await passing(accept(store));
  assert.ok(reads.length >= 5, "while files are closed and removed");
  assert.ok(reads.every(Boolean), reads.join());
  assert.ok(read());
});

test("a look at a long queue: what went into the tables and ended before it came to that is not put there again", async (t) => {
  const { store, settle, passing } = await daemonQueue(t);
  // All at once: what has been there for 3 s goes into the tables by itself.
  const entries = await passing(Promise.all(Array.from({ length: 850 }, () => accept(store))));
  // It moves 200 at a time, and comes to the last 50 in its fifth part.
  const last = entries.slice(800);
  const settled = settle();
  const ended = store
    .change({ update: last.map((entry) => ({ ...entry, attempts: 1 })) })
    .then(() => store.change({ remove: last.map(({ id }) => id) }));
  await passing(Promise.all([settled, ended]));
  assert.deepEqual(
    last.map(({ id }) => id).filter((id) => store.isThere(id)),
    [],
  );
});
