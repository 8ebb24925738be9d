import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { tryLock } from "fs-native-extensions";
import { open } from "lmdb";
import { openGated } from "../../src/lmdb/gate.ts";

function file(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-gate-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "some.mdb");
}

const OPENER = fileURLToPath(new URL("gate-opener.ts", import.meta.url));
/** Without the gate one of some 10,000 is lost when openings come as fast as they can, and the next ones end the process. */
const COMMITS = 1500;

test("no commit is lost while other processes open the environment", async (t) => {
  const path = file(t);
  const { opened: db, gate } = openGated(path, () =>
    open<number, string>({ path, noSubdir: true, overlappingSync: false, eventTurnBatching: false }),
  );
  await gate.commit(() => db.put("n", 0));
  const openers = ["ro", "rw"].map((how) => fork(OPENER, [path, how]));
  const ended = openers.map((opener) => once(opener, "exit"));
  await Promise.all(openers.map((opener) => once(opener, "message")));
  for (let n = 1; n <= COMMITS; n++) {
    await gate.commit(() => db.put("n", n));
    db.resetReadTxn();
    assert.equal(db.get("n"), n);
  }
  for (const opener of openers) opener.disconnect();
  await Promise.all(ended);
  await db.close();
  gate.close();
});

test("who opens waits for commits under way, and commits wait for who opens", async (t) => {
  const path = file(t);
  const gates = ["a", "b"].map(() => openGated(path, () => undefined).gate);
  t.after(() => {
    for (const gate of gates) gate.close();
  });
  const other = openSync(`${path}-gate`, "r+");
  const ends: (() => void)[] = [];
  const commit = (i: number) => gates[i]!.commit(() => new Promise<void>((done) => ends.push(done)));
  const both = [commit(0), commit(1)];
  assert.equal(ends.length, 2, "commits do not wait for each other");
  assert.ok(tryLock(other, 1, 1), "nobody stands in the turnstile");
  assert.ok(!tryLock(other, 0, 1), "commits are under way");
  const third = commit(0);
  assert.equal(ends.length, 2, "somebody waits to open");
  ends[0]!();
  await both[0];
  assert.ok(!tryLock(other, 0, 1));
  ends[1]!();
  await both[1];
  await new Promise(setImmediate);
  assert.ok(tryLock(other, 0, 1));
  await new Promise((done) => setTimeout(done, 20));
  assert.equal(ends.length, 2, "the environment is being opened");
  closeSync(other);
  while (ends.length < 3) await new Promise((done) => setTimeout(done, 1));
  ends[2]!();
  await third;
});

test("nobody else commits or opens while an environment is opened", (t) => {
  const path = file(t);
  const other = openSync(`${path}-gate`, "w+");
  t.after(() => closeSync(other));
  const { opened, gate } = openGated(path, () => [tryLock(other, 0, 1), tryLock(other, 1, 1)]);
  t.after(() => gate.close());
  assert.deepEqual(opened, [false, false]);
  assert.ok(tryLock(other), "both are free again");
});

test("a commit that fails leaves the gate open", async (t) => {
  const path = file(t);
  const { gate } = openGated(path, () => undefined);
  t.after(() => gate.close());
  await assert.rejects(
    gate.commit(() => Promise.reject(new Error("full"))),
    /full/,
  );
  assert.throws(
    () =>
      gate.commit(() => {
        throw new Error("no such key");
      }),
    /no such key/,
  );
  const other = openSync(`${path}-gate`, "r+");
  t.after(() => closeSync(other));
  assert.ok(tryLock(other));
});
