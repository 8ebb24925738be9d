import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import {
  chownSync,
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { tryLock } from "fs-native-extensions";
import { open } from "lmdb";
import { openGated } from "../../src/lmdb/gate.ts";
import { openGateFile } from "../../src/lmdb/gate-file.ts";

function file(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-gate-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "some.mdb");
}

/** There is only a gate. */
const noEnvironment = () => Promise.resolve();

const OPENER = fileURLToPath(new URL("gate-opener.ts", import.meta.url));
/** Without the gate one of some 10,000 is lost when openings come as fast as they can, and the next ones end the process. */
const COMMITS = 600;
const OPENINGS = 400;

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
  assert.deepEqual(await Promise.all(ended), [
    [0, null],
    [0, null],
  ]);
  await gate.close(() => db.close());
});

test("who opens never meets locks that another one destroys by closing", async (t) => {
  const path = file(t);
  const made = openGated(path, () => open({ path, noSubdir: true }));
  await made.gate.close(() => made.opened.close());
  // Without the gate one of some hundred openings fails.
  const openers = ["rw", "rw", "ro"].map((how) => fork(OPENER, [path, how]));
  const ended = openers.map((opener) => once(opener, "exit"));
  await Promise.all(openers.map((opener) => once(opener, "message")));
  for (let n = 0; n < OPENINGS; n++) {
    const { opened, gate } = openGated(path, () => open({ path, noSubdir: true }));
    await gate.close(() => opened.close());
  }
  for (const opener of openers) if (opener.connected) opener.disconnect();
  for (const [code] of await Promise.all(ended)) assert.equal(code, 0);
});

test("who opens waits for commits under way, and commits wait for who opens", async (t) => {
  const path = file(t);
  const gates = ["a", "b"].map(() => openGated(path, () => undefined).gate);
  t.after(() => Promise.all(gates.map((gate) => gate.close(noEnvironment))));
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
  t.after(() => gate.close(noEnvironment));
  assert.deepEqual(opened, [false, false]);
  assert.ok(tryLock(other), "both are free again");
});

test("a commit that fails leaves the gate open", async (t) => {
  const path = file(t);
  const { gate } = openGated(path, () => undefined);
  t.after(() => gate.close(noEnvironment));
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
  assert.ok(tryLock(other));
  closeSync(other);
});

test("an environment is closed when its last commit is over, and takes no more", async (t) => {
  const path = file(t);
  const { gate } = openGated(path, () => undefined);
  const seen: string[] = [];
  let end!: () => void;
  const first = gate.commit(() => new Promise<void>((done) => (end = done)));
  const other = openSync(`${path}-gate`, "r+");
  assert.ok(tryLock(other, 1, 1), "somebody is about to open it");
  const second = gate.commit(() => {
    seen.push("second");
    return Promise.resolve();
  });
  const closed = gate.close(() => {
    seen.push("closed");
    return Promise.resolve();
  });
  const again = gate.close(() => assert.fail("it is closed once"));
  await assert.rejects(
    gate.commit(() => Promise.resolve()),
    /some\.mdb is closed/,
  );
  end();
  await first;
  assert.deepEqual(seen, []);
  closeSync(other);
  await Promise.all([second, closed, again]);
  assert.deepEqual(seen, ["second", "closed"]);
});

test("nobody goes on without the lock", async (t) => {
  const path = file(t);
  const { gate } = openGated(path, () => undefined, { patience: 10 });
  t.after(() => gate.close(noEnvironment));
  const other = openSync(`${path}-gate`, "r+");
  t.after(() => closeSync(other));
  assert.ok(tryLock(other));
  const inUse = { code: "EAGAIN", message: /some\.mdb is in use by a process that does not go on/ };
  await assert.rejects(
    gate.commit(() => assert.fail("it is not written")),
    inUse,
  );
  const opener = fork(OPENER, [path, "rw", "10"], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const said = text(opener.stderr!);
  assert.deepEqual(await once(opener, "exit"), [1, null]);
  assert.match(await said, /code: 'EAGAIN'/);
});

test("what LMDB never closes is left to the end of the process, and keeps nobody out", async (t) => {
  const path = file(t);
  const { gate } = openGated(path, () => undefined);
  await assert.rejects(
    gate.commit(() => Promise.reject(new Error("no room"))),
    /no room/,
  );
  await gate.close(() => new Promise<void>(() => undefined));
  const other = openSync(`${path}-gate`, "r+");
  t.after(() => closeSync(other));
  assert.ok(tryLock(other));
});

test("a commit that outlasts the closing keeps its lock", async (t) => {
  const path = file(t);
  const { gate } = openGated(path, () => undefined, { patience: 10 });
  let end!: () => void;
  const slow = gate.commit(() => new Promise<void>((done) => (end = done)));
  await gate.close(noEnvironment);
  const other = openSync(`${path}-gate`, "r+");
  t.after(() => closeSync(other));
  assert.ok(!tryLock(other, 0, 1));
  end();
  await slow;
  await new Promise(setImmediate);
  assert.ok(tryLock(other, 0, 1));
});

test("a commit that waits longer than the closing is not made", async (t) => {
  const path = file(t);
  const { gate } = openGated(path, () => undefined, { patience: 10 });
  const other = openSync(`${path}-gate`, "r+");
  t.after(() => closeSync(other));
  assert.ok(tryLock(other));
  const waits = gate.commit(() => assert.fail("the environment is closed"));
  const refused = assert.rejects(waits, /some\.mdb is closed/);
  await gate.close(noEnvironment);
  await refused;
});

test("commits go through the gate as soon as its file can be made", async (t) => {
  const folder = join(file(t), "..", "folder");
  const path = join(folder, "some.mdb");
  const { gate } = openGated(path, () => undefined);
  t.after(() => gate.close(noEnvironment));
  await gate.commit(() => Promise.resolve());
  mkdirSync(folder);
  const locked = await gate.commit(() => {
    const other = openSync(`${path}-gate`, "r+");
    const isLocked = !tryLock(other, 0, 1);
    closeSync(other);
    return Promise.resolve(isLocked);
  });
  assert.ok(locked);
});

test("a commit that LMDB never settles is settled when the environment is found to be given up", async (t) => {
  const path = file(t);
  let state = "works";
  const probe = () => {
    if (state !== "works") throw new Error("MDB_PANIC: update of meta page failed");
  };
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { gate } = openGated(path, () => undefined, { probe });
  const never = gate.commit(() => new Promise<void>(() => undefined));
  const settled = assert.rejects(never, /MDB_PANIC/);
  t.mock.timers.tick(1000);
  state = "given up";
  t.mock.timers.tick(1000);
  await settled;
  await assert.rejects(
    gate.commit(() => assert.fail("it is not asked again")),
    /MDB_PANIC/,
  );
  const other = openSync(`${path}-gate`, "r+");
  assert.ok(tryLock(other), "others can open it");
  closeSync(other);
  await gate.close(noEnvironment);
});

test("after a failed commit LMDB is asked how it is, and what it has given up is asked for nothing more", async (t) => {
  const path = file(t);
  let asked = 0;
  const probe = () => {
    if (++asked > 1) throw new Error("MDB_PANIC: update of meta page failed");
  };
  const { gate } = openGated(path, () => undefined, { probe });
  const fails = () => gate.commit(() => Promise.reject(new Error("no room")));
  await assert.rejects(fails(), /no room/);
  await gate.commit(() => Promise.resolve());
  await assert.rejects(fails(), /no room/);
  assert.equal(asked, 2);
  await assert.rejects(
    gate.commit(() => assert.fail("it would never settle")),
    /MDB_PANIC/,
  );
  await gate.close(() => assert.fail("it would block the thread"));
  const other = openSync(`${path}-gate`, "r+");
  t.after(() => closeSync(other));
  assert.ok(tryLock(other));
});

test("what root makes belongs to the folder's owner, and nothing that was there is given away", (t) => {
  if (process.getuid?.() !== 0) return t.skip("root only");
  const path = file(t);
  chownSync(join(path, ".."), 12_345, 12_346);
  const fd = openGateFile(path)!;
  t.after(() => closeSync(fd));
  const { uid, gid } = fstatSync(fd);
  assert.deepEqual([uid, gid], [12_345, 12_346]);
  const there = join(path, "..", "there-gate");
  writeFileSync(there, "", { mode: 0o600 });
  closeSync(openGateFile(join(path, "..", "there"))!);
  assert.equal(statSync(there).uid, 0);
  symlinkSync(there, join(path, "..", "link-gate"));
  assert.throws(() => openGateFile(join(path, "..", "link")), { code: "ELOOP" });
  return undefined;
});
