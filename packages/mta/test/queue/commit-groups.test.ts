import assert from "node:assert/strict";
import { statSync } from "node:fs";
import test from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { CommitGroups } from "../../src/queue/commit-groups.ts";
import { openEnvironment, queuePaths } from "../../src/queue/environment.ts";
import { LmdbStore } from "../../src/queue/lmdb-store.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
import { enqueue, listLog, local, remote, temporaryQueue, temporarySite } from "./queue-samples.ts";

/** A stand-in for the environment: commits end when the test says so. */
function rig(waits = true) {
  const clock = new ManualClock();
  const groups = new CommitGroups(waits ? { clock } : {});
  const begun: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const done: string[] = [];
  const add = (name: string, kind: "urgent" | "patient" = "urgent") =>
    groups[kind](
      () =>
        new Promise<void>((resolve, reject) => {
          begun.push(name);
          ends.push((error) => (error === undefined ? resolve() : reject(error)));
        }),
    ).then(
      () => void done.push(name),
      (error: Error) => void done.push(`${name}: ${error.message}`),
    );
  const turn = () => new Promise(setImmediate);
  const finish = async (error?: Error) => {
    for (const end of ends.splice(0)) end(error);
    await turn();
  };
  return { groups, begun, done, add, turn, finish, clock };
}

test("a message that comes alone waits for nobody", async () => {
  const { groups, begun, done, add, finish } = rig();
  for (const name of ["a", "b", "c"]) {
    groups.begin();
    groups.end();
    void add(name);
    assert.equal(begun.at(-1), name);
    await finish();
    assert.equal(done.at(-1), name);
  }
});

test("what comes in one turn is one commit, and what comes during a commit is the next one", async () => {
  const { begun, done, add, turn, finish } = rig(false);
  for (const name of ["a", "b", "c"]) void add(name);
  assert.deepEqual(begun, ["a", "b", "c"]);
  await turn();
  for (const name of ["d", "e"]) void add(name);
  void add("f", "patient");
  await turn();
  assert.deepEqual([begun.length, done.length], [3, 0]);
  await finish();
  assert.deepEqual([begun.length, done.length], [6, 3]);
  await finish();
  assert.equal(done.length, 6);
});

test("with many messages coming in a commit waits for a part of them, or for its time", async () => {
  const { groups, begun, add, finish, clock } = rig();
  void add("alone");
  await finish();
  for (let i = 0; i < 40; i++) groups.begin();
  void add("first");
  assert.equal(begun.length, 1);
  await clock.advance(5);
  assert.equal(begun.length, 1);
  await clock.advance(4);
  assert.equal(begun.length, 2);
  await finish();
  for (let i = 0; i < 30; i++) {
    groups.end();
    void add(`m${i}`);
    if (begun.length > 2) break;
  }
  assert.ok(begun.length > 10 && begun.length < 25, String(begun.length));
});

test("who comes alone after a crowd soon waits for nobody", async () => {
  const { groups, begun, add, finish, clock } = rig();
  for (let i = 0; i < 200; i++) groups.begin();
  void add("first");
  await finish();
  for (let i = 0; i < 200; i++) groups.end();
  for (let i = 0; i < 8; i++) {
    void add(`m${i}`);
    if (begun.at(-1) !== `m${i}`) await clock.advance(25);
    await finish();
  }
  assert.ok(groups.isAlone);
  void add("at once");
  assert.equal(begun.at(-1), "at once");
});

test("a crowd is remembered over a few small commits, and forgotten with time", async () => {
  const { groups, begun, add, finish, clock } = rig();
  for (let i = 0; i < 100; i++) groups.begin();
  void add("first");
  await finish();
  for (let i = 0; i < 98; i++) groups.end();
  for (const name of ["second", "third"]) {
    void add(name);
    await clock.advance(8);
    assert.notEqual(begun.at(-1), name, "others are expected");
    await clock.advance(12);
    assert.equal(begun.at(-1), name);
    await finish();
  }
  await clock.advance(10_000);
  void add("much later");
  await finish();
  void add("and again");
  await clock.advance(1);
  assert.equal(begun.at(-1), "and again");
});

test("a clock that is set back makes nobody wait for it", async () => {
  const clock = new ManualClock();
  let back = 0;
  const wrong = { now: () => clock.now() - back, after: (ms: number, fn: () => void) => clock.after(ms, fn) };
  const groups = new CommitGroups({ clock: wrong });
  let commits = 0;
  const write = () => Promise.resolve(void commits++);
  for (let i = 0; i < 40; i++) groups.begin();
  await groups.urgent(write);
  await clock.advance(30);
  back = 3_600_000;
  const second = groups.urgent(write);
  await clock.advance(30);
  await second;
  assert.equal(commits, 2);
});

test("a result joins the next acceptance, and waits no longer than 10 ms for one", async () => {
  const { begun, done, add, finish, clock } = rig();
  void add("result", "patient");
  await clock.advance(5);
  assert.deepEqual(begun, []);
  void add("message");
  assert.deepEqual(begun, ["result", "message"]);
  await finish();
  void add("another", "patient");
  await clock.advance(10);
  assert.equal(begun.at(-1), "another");
  await finish();
  assert.equal(done.length, 3);
});

test("a commit that fails fails for all that are in it, and for nobody after", async () => {
  const { done, add, finish, groups } = rig(false);
  for (const name of ["a", "b"]) void add(name);
  await finish(new Error("disk full"));
  assert.deepEqual(done.toSorted(), ["a: disk full", "b: disk full"]);
  await assert.rejects(
    groups.urgent(() => {
      throw new Error("bad key");
    }),
    /bad key/,
  );
  void add("c");
  await finish();
  assert.equal(done.at(-1), "c");
});

test("closing the queue writes what still waits", async (t) => {
  const site = await temporarySite(t);
  const clock = new ManualClock();
  const { store } = await openQueue(site, { clock, log: listLog(), daemon: true });
  const entry = await enqueue(store, { recipients: [local("a@h")] });
  const gone = store.change({ remove: [entry.id] });
  await store.close();
  await gone;
  const again = await openQueue(site, { clock, log: listLog() });
  assert.equal(again.store.count(), 0);
  await again.store.close();
});

test("the quick end of a message: nothing of it is left, whatever was done to it meanwhile", async (t) => {
  const { store, clock } = await temporaryQueue(t);
  const deeds: [string, (id: string) => Promise<unknown>][] = [
    ["nothing", () => Promise.resolve()],
    ["held", (id) => store.hold(id, "by hand")],
    ["quarantined", (id) => store.quarantine(id, "by hand")],
    ["released at the same time", (id) => store.hold(id, "x").then(() => store.release(id, clock.now()))],
    ["released later", (id) => store.hold(id, "x").then(() => store.release(id, clock.now() + 5))],
    ["forced", () => store.forceAll(clock.now() + 7)],
    ["discarded", (id) => store.discard(id)],
  ];
  for (const size of [100, 70_000]) {
    for (const [what, deed] of deeds) {
      const entry = await enqueue(store, { recipients: [local("a@h")] }, "x".repeat(size));
      const [row] = store.dueRows(clock.now(), 1);
      await deed(entry.id);
      await store.change({ remove: [entry.id], known: { size, row: row! } });
      assert.equal(store.count(), 0, what);
      assert.deepEqual(store.dueRows(clock.now() + 1e9, 10), [], what);
      assert.equal(store.body(entry).whole(), undefined, what);
      assert.match(store.bodyFault(entry) ?? "", /missing/, what);
    }
  }
});

test("a message with several rows is not ended by one of them", async (t) => {
  const { store, clock } = await temporaryQueue(t);
  const entry = await enqueue(store, { recipients: [remote("a@x.example"), remote("b@y.example")] });
  assert.equal(store.dueRows(clock.now(), 10).length, 2);
  await store.change({ remove: [entry.id] });
  assert.deepEqual(store.dueRows(clock.now() + 1e9, 10), []);
});

test("a process with nothing else to do does not end before what waits is written", async (t) => {
  const site = await temporarySite(t);
  const { store } = await openQueue(site, { clock: systemClock, log: listLog(), daemon: true });
  const entry = await enqueue(store, { recipients: [local("a@h")] });
  await store.change({ remove: [entry.id] });
  assert.equal(store.count(), 0);
  await store.close();
});

test("what comes and goes leaves the file as small as it was", async (t) => {
  const site = await temporarySite(t);
  const options = { clock: systemClock, log: listLog(), groups: new CommitGroups({ clock: systemClock }) };
  const store = new LmdbStore((await openEnvironment(site, options))!, options);
  const comeAndGo = async (n: number) => {
    const { id, nextAttemptAt: at } = await enqueue(
      store,
      { recipients: [local("a@h")] },
      "x".repeat(500 + ((n * 7919) % 40_000)),
    );
    const size = 500 + ((n * 7919) % 40_000);
    await store.change({ remove: [id], known: { size, row: { at, id, lane: "/a" } } });
  };
  const sizes: number[] = [];
  for (let round = 0; round < 4; round++) {
    for (let n = 0; n < 10; n++)
      await Promise.all(Array.from({ length: 100 }, (_, i) => comeAndGo(n * 100 + i)));
    sizes.push(statSync(queuePaths(site).environment).size);
  }
  assert.equal(store.count(), 0);
  assert.ok(sizes.at(-1)! <= 2 * sizes[0]!, sizes.join(" "));
  await store.close();
});
