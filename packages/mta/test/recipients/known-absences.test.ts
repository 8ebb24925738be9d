import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import {
  chmodSync,
  type FSWatcher,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { changesTakenIn } from "@mailhost/common/fs/file-watch";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import {
  type AbsenceFileSystem,
  KnownAbsences,
  nodeAbsenceFiles,
} from "../../src/recipients/known-absences.ts";
import { openListFiles } from "../../src/recipients/list-files.ts";

const EXT4 = 0xef53;
const NFS = 0x6969;

/** What is asked for once is not worth watching. */
async function askedBefore(absences: KnownAbsences, paths: readonly string[]): Promise<void> {
  for (const path of paths) await (await absences.expect(path))?.confirm();
}

/** As who reads them all and finds nothing; returns what is called then. */
async function begin(absences: KnownAbsences, paths: readonly string[]): Promise<() => Promise<void>> {
  await askedBefore(absences, paths);
  const expected = await Promise.all(paths.map((path) => absences.expect(path)));
  return async () => {
    for (const each of expected) await each?.confirm();
  };
}

/** A real folder, with the watch of the system. */
function realFolder(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-absences-"));
  const absences = new KnownAbsences({ clock: systemClock, fs: nodeAbsenceFiles });
  t.after(() => {
    absences.close();
    rmSync(folder, { recursive: true });
  });
  const paths = (home: string) => [".forward+", ".forward"].map((name) => join(folder, home, name));
  const look = async (home: string) => {
    await (await begin(absences, paths(home)))();
    return absences.has(paths(home));
  };
  return { folder, absences, paths, look };
}

/** What the system had to tell has been taken in: it comes with the next turn of the loop, as a command would. */
async function told() {
  await changesTakenIn();
  await changesTakenIn();
}

for (const [what, change] of [
  ["it is written", (home: string) => writeFileSync(join(home, ".forward"), "x@y\n")],
  [
    "it is moved there",
    (home: string) => {
      writeFileSync(`${home}.new`, "x@y\n");
      renameSync(`${home}.new`, join(home, ".forward"));
    },
  ],
  ["it is linked", (home: string) => symlinkSync("/etc/passwd", join(home, ".forward+"))],
  ["its folder is moved away", (home: string) => renameSync(home, `${home}.old`)],
  ["its folder is removed", (home: string) => rmSync(home, { recursive: true })],
] as const) {
  test(`a file that was absent is looked for again once ${what}`, async (t) => {
    const { folder, absences, paths, look } = realFolder(t);
    mkdirSync(join(folder, "joe"));
    mkdirSync(join(folder, "ann"));
    assert.equal(absences.has(paths("joe")), false, "nobody has looked");
    assert.ok(await look("joe"));
    assert.ok(await look("ann"));
    change(join(folder, "joe"));
    await told();
    assert.equal(absences.has(paths("joe")), false);
    assert.ok(absences.has(paths("ann")), "another home is as it was");
    assert.ok(!absences.has([...paths("ann"), ...paths("joe")]));
  });
}

test("a home that is missing is known to be, until it is made", async (t) => {
  const { folder, absences, paths, look } = realFolder(t);
  assert.ok(await look("not/yet/joe"));
  mkdirSync(join(folder, "other"));
  await told();
  assert.ok(absences.has(paths("not/yet/joe")), "another name is none of ours");
  mkdirSync(join(folder, "not"));
  await told();
  assert.equal(absences.has(paths("not/yet/joe")), false);
  assert.ok(await look("not/yet/joe"));
  mkdirSync(join(folder, "not/yet/joe"), { recursive: true });
  await told();
  assert.equal(absences.has(paths("not/yet/joe")), false);
});

test("a link that leads nowhere is looked at each time, as is what lies behind one", async (t) => {
  const { folder, look } = realFolder(t);
  mkdirSync(join(folder, "joe"));
  symlinkSync(join(folder, "elsewhere"), join(folder, "joe/.forward"));
  assert.equal(await look("joe"), false);
  symlinkSync(join(folder, "nowhere"), join(folder, "ann"));
  assert.equal(await look("ann"), false);
});

test("a file that was found is looked for again, and known to be absent after it was removed", async (t) => {
  const { folder, absences, paths, look } = realFolder(t);
  mkdirSync(join(folder, "joe"));
  writeFileSync(join(folder, "joe/.forward"), "x@y\n");
  // Whoever finds it does not confirm, and watching it again with each message would cost more than it saves.
  const [, file = ""] = paths("joe");
  await askedBefore(absences, [file]);
  assert.ok(await absences.expect(file));
  assert.equal(absences.has([file]), false);
  assert.equal(await absences.expect(file), undefined);
  rmSync(join(folder, "joe/.forward"));
  await told();
  assert.ok(await look("joe"));
});

test("many who look at the same time come to know it", async (t) => {
  const { folder, absences, paths } = realFolder(t);
  mkdirSync(join(folder, "joe"));
  await Promise.all(Array.from({ length: 20 }, async () => (await begin(absences, paths("joe")))()));
  assert.ok(absences.has(paths("joe")));
});

test("a change between the look and its end is not lost", async (t) => {
  const { folder, absences, paths } = realFolder(t);
  mkdirSync(join(folder, "joe"));
  const confirm = await begin(absences, paths("joe"));
  writeFileSync(join(folder, "joe/.forward"), "x@y\n");
  await told();
  await confirm();
  assert.equal(absences.has(paths("joe")), false);
});

test("a home that is made while it is looked for is not taken for a missing one", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-absences-"));
  const home = join(folder, "joe");
  const late: AbsenceFileSystem = {
    ...nodeAbsenceFiles,
    async statfs(path) {
      const found = await nodeAbsenceFiles.statfs(path);
      // It was not there when the way to it was looked at, and nothing is watched yet.
      mkdirSync(home, { recursive: true });
      return found;
    },
  };
  const absences = new KnownAbsences({ clock: systemClock, fs: late });
  t.after(() => {
    absences.close();
    rmSync(folder, { recursive: true });
  });
  await (await begin(absences, [join(home, ".forward")]))();
  assert.equal(absences.has([join(home, ".forward")]), false);
});

test("who has no right to go through a home is told of it when that is granted", async (t) => {
  const { folder, absences, paths, look } = realFolder(t);
  const home = join(folder, "joe");
  mkdirSync(home, { mode: 0o700 });
  chmodSync(folder, 0o755);
  const lists = openListFiles({ clock: systemClock, absences });
  const closed: AbsenceFileSystem = {
    ...nodeAbsenceFiles,
    stat: (path) => (path.startsWith(home) ? fail("EACCES") : nodeAbsenceFiles.stat(path)),
    lstat: (path) => (path.startsWith(`${home}/`) ? fail("EACCES") : nodeAbsenceFiles.lstat(path)),
  };
  const barred = new KnownAbsences({ clock: systemClock, fs: closed });
  t.after(() => barred.close());
  await (await begin(barred, paths("joe")))();
  assert.ok(barred.has(paths("joe")));
  chmodSync(home, 0o711);
  await told();
  assert.equal(barred.has(paths("joe")), false);
  assert.equal(lists.areAbsent(paths("joe")), false);
  assert.ok(await look("joe"));
  assert.ok(lists.areAbsent(paths("joe")));
});

/** A file system and a watch of the test's own. */
function fakeFolder({ type = EXT4, watchable = true, missing = "?" } = {}) {
  const clock = new ManualClock();
  const state = { type, mtimeMs: 1, stats: 0, watches: 0 };
  const watchers: FSWatcher[] = [];
  const absences = new KnownAbsences({
    clock,
    fs: {
      async stat(path) {
        state.stats++;
        if (path.startsWith(missing)) await fail("ENOENT");
        return { dev: 1, ino: 1, mode: 0o40755, mtimeMs: state.mtimeMs } as Stats;
      },
      lstat: () => fail("ENOENT"),
      statfs: async () => ({ type: state.type }),
    },
    watchFolder() {
      state.watches++;
      if (!watchable) throw Object.assign(new Error("no more"), { code: "ENOSPC" });
      const watcher = Object.assign(new EventEmitter(), { close() {} }) as unknown as FSWatcher;
      watchers.push(watcher);
      return watcher;
    },
  });
  const path = "/home/joe/.forward";
  const look = async (at = path) => {
    await (await begin(absences, [at]))();
    return absences.has([at]);
  };
  return { absences, clock, state, watchers, path, look };
}

function fail(code: string): Promise<never> {
  return Promise.reject(Object.assign(new Error(code), { code }));
}

test("a folder is looked at once a second, and a file for which nothing was told once a minute", async () => {
  const { absences, clock, state, path, look } = fakeFolder();
  assert.ok(await look());
  const before = state.stats;
  await clock.advance(999);
  assert.ok(absences.has([path]));
  await clock.advance(1);
  assert.equal(absences.has([path]), false);
  assert.equal((await absences.expect(path))?.isKnown, true, "one stat is enough");
  assert.equal(state.stats, before + 1);
  assert.ok(absences.has([path]));
  await clock.advance(60_000);
  assert.equal(absences.has([path]), false);
  assert.equal(await absences.expect(path), undefined, "and it has not been asked for lately");
  assert.equal((await absences.expect(path))?.isKnown, false);
});

test("a file that is asked for seldom is not watched for, and one that is known stays known", async () => {
  const { absences, clock, state, path, look } = fakeFolder();
  for (let i = 0; i < 3; i++) {
    assert.equal(await absences.expect(path), undefined);
    await clock.advance(5000);
  }
  assert.deepEqual([state.stats, state.watches], [0, 0]);
  assert.ok(await look());
  await clock.advance(30_000);
  assert.equal((await absences.expect(path))?.isKnown, true);
});

test("a change that was not told is seen when the folder is looked at", async () => {
  const { absences, clock, state, path, look } = fakeFolder();
  assert.ok(await look());
  await clock.advance(1000);
  state.mtimeMs = 2;
  assert.notEqual((await absences.expect(path))?.isKnown, true);
});

test("a file system of another machine, or no more to be watched: each time is looked, without trying anew", async () => {
  for (const { look, state, clock } of [fakeFolder({ type: NFS }), fakeFolder({ watchable: false })]) {
    assert.equal(await look(), false);
    const { stats, watches } = state;
    assert.equal(await look(), false);
    assert.deepEqual({ stats: state.stats, watches: state.watches }, { stats, watches });
    // A minute later it may be another.
    await clock.advance(60_000);
    await look();
    assert.ok(state.stats > stats);
  }
});

test("a folder in which too much happens is not watched any longer", async () => {
  const { absences, watchers, path, look, state } = fakeFolder();
  assert.ok(await look());
  for (let i = 0; i < 500; i++) watchers[0]!.emit("change", "change", "busy.log");
  assert.ok(absences.has([path]));
  watchers[0]!.emit("change", "change", "busy.log");
  assert.equal(absences.has([path]), false);
  assert.equal(await look(), false);
  assert.equal(state.watches, 1);
});

test("a busy folder above a missing home is left alone too", async () => {
  const { absences, watchers, state, look } = fakeFolder({ missing: "/home/gone" });
  const path = "/home/gone/.forward";
  assert.ok(await look(path));
  for (let i = 0; i <= 500; i++) watchers[0]!.emit("change", "change", "other");
  for (let i = 0; i < 5; i++) assert.equal(await look(path), false);
  assert.equal(state.watches, 1);
  assert.equal(absences.has([path]), false);
});

test("an event without a name, and an error of the watch, end what was known", async () => {
  for (const [event, ...args] of [
    ["change", "rename", null],
    ["error", new Error("gone")],
  ] as const) {
    const { absences, watchers, path, look } = fakeFolder();
    assert.ok(await look());
    watchers[0]!.emit(event, ...args);
    assert.equal(absences.has([path]), false);
  }
});

test("no more than so many folders are watched; one that was not asked about for a minute makes room", async () => {
  const { clock, look, state } = fakeFolder();
  for (let i = 0; i < 1024; i++) assert.ok(await look(`/home/u${i}/.forward`));
  assert.equal(await look("/home/one-more/.forward"), false);
  assert.equal(state.watches, 1024);
  await clock.advance(60_001);
  assert.ok(await look("/home/another/.forward"));
});

test("addresses with ever new details do not fill memory", async () => {
  const { absences, look } = fakeFolder();
  for (let i = 0; i < 17_000; i++) assert.ok(await look(`/home/joe/.forward+${i}`));
  assert.equal(absences.has(["/home/joe/.forward+0"]), false);
  assert.ok(absences.has(["/home/joe/.forward+16999"]));
});
