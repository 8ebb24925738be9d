/** QUIT and restoring with every file call failing once, and killed at every one of them. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { type FileSystem, nodeFileSystem } from "@mailhost/common/fs/file-system";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { MboxError } from "@mailhost/common/mbox/mbox-error";
import { type Fault, faultyFileSystem } from "@mailhost/common/testing/faulty-file-system";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { BackgroundMoves } from "../../src/maildrop/background-moves.ts";
import { Maildrop } from "../../src/maildrop/maildrop.ts";
import { refreshIndex } from "../../src/maildrop/refresh.ts";
import { removedFiles, removedFolder } from "../../src/maildrop/removed-messages.ts";
import { restoreRemoved } from "../../src/maildrop/restore-removed.ts";
import { updateMaildrop } from "../../src/maildrop/update.ts";
import { mboxText, memoryLog, temporarySite } from "../harness/server.ts";

const NAMES = ["one", "two", "three", "four", "five"];
const MAIL = NAMES.map((name, i) => mboxText(`Subject: ${name}\n\nbody of ${name}\n`, i)).join("");
/** A store that knows nothing: mailboxes are always read. */
const store = {
  read: () => Promise.resolve(undefined),
  write: () => Promise.resolve(),
  forget: () => Promise.resolve(),
  sweep: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
type Site = ReturnType<typeof temporarySite>;

/** Subjects in the order of the mbox, each message whole. */
function subjects(text: string): string[] {
  const found = [...text.matchAll(/^Subject: (\w+)$/gm)].map(([, subject]) => subject!);
  for (const subject of found) assert.match(text, new RegExp(`\n\nbody of ${subject}\n\n`));
  return found;
}

/** A QUIT that deletes the second and the fourth message, or others, having retrieved the third. */
async function quit(
  site: Site,
  fault?: Fault,
  deleted: readonly number[] = [2, 4],
  moves?: BackgroundMoves,
  real: FileSystem = nodeFileSystem,
) {
  const paths = mailboxPaths(site, "wang");
  writeFileSync(paths.mbox, MAIL);
  rmSync(removedFolder(site, "wang"), { recursive: true, force: true });
  const file = await open(paths.mbox, "r");
  const { index } = await refreshIndex(file, undefined);
  const drop = new Maildrop({ paths, file, index, lock: { release: () => Promise.resolve() } });
  for (const number of deleted) drop.delete(number);
  drop.noteRetrieved(3);
  const fileSystem = faultyFileSystem(fault, real);
  const log = memoryLog([]);
  const context = {
    site,
    store,
    clock: systemClock,
    log,
    lockTimeout: 0,
    preparations: [],
    fileSystem,
    ...(moves !== undefined && { moves }),
  };
  const updated = await updateMaildrop(context, drop, { keepRemoved: 1000, updateStatusHeaders: true });
  await fileSystem.closeAll();
  await drop.close();
  return { updated, fileSystem, paths };
}

/** What whoever locks the mailbox next finds. */
async function recovered(site: Site): Promise<string> {
  const paths = mailboxPaths(site, "wang");
  const box = await lockMailbox(paths, { timeout: 5000, clock: systemClock, log: memoryLog([]) });
  await box!.release();
  assert.equal(statSync(paths.journal, { throwIfNoEntry: false })?.size ?? 0, 0);
  return readFileSync(paths.mbox, "latin1");
}

async function keptSubjects(site: Site): Promise<string[]> {
  const files = await removedFiles(site, "wang");
  return files.flatMap(({ path }) => subjects(readFileSync(path, "latin1")));
}

test("killed at any call of QUIT, the mailbox is the old or the new one, and what went is kept", async (t) => {
  const site = temporarySite(t);
  const { fileSystem, updated } = await quit(site);
  assert.equal(updated.kind, "done");
  const done = await recovered(site);
  assert.deepEqual(subjects(done), ["one", "three", "five"]);
  assert.match(done, /Subject: three\nStatus: RO\n\n/);
  const bare = NAMES.map((name, i) =>
    i % 2 === 0 ? mboxText(`Subject: ${name}\n\nbody of ${name}\n`, i) : "",
  );
  const states = [MAIL, bare.join(""), done];
  const seen = new Set<string>();
  for (let at = 1; at <= fileSystem.calls.length; at++) {
    await quit(site, { at, how: "kill" });
    const left = await recovered(site);
    assert.ok(states.includes(left), `killed at ${at}, ${fileSystem.calls[at - 1]}: ${left}`);
    seen.add(left);
    if (left !== MAIL) assert.deepEqual(await keptSubjects(site), ["two", "four"], `killed at ${at}`);
  }
  assert.deepEqual(seen, new Set(states));
});

test("whichever call of QUIT fails, and however, there is a reply and an intact mailbox", async (t) => {
  const site = temporarySite(t);
  const { fileSystem } = await quit(site);
  let refused = 0;
  for (const code of ["ENOSPC", "EDQUOT", "EIO", "EROFS"]) {
    for (let at = 1; at <= fileSystem.calls.length; at++) {
      const { updated } = await quit(site, { at, how: code === "EROFS" ? "fail" : "short", code });
      const left = subjects(await recovered(site));
      const where = `${code} at ${at}, ${fileSystem.calls[at - 1]}`;
      if (updated.kind === "done") assert.deepEqual(left, ["one", "three", "five"], where);
      else refused++;
      assert.ok(left.length === 5 || left.join() === "one,three,five", `${where}: ${left.join()}`);
      if (left.length === 3) assert.deepEqual(await keptSubjects(site), ["two", "four"], where);
    }
  }
  assert.ok(refused > 20);
});

test("whichever call fails of a QUIT that only cuts, what went is kept", async (t) => {
  const site = temporarySite(t);
  const { fileSystem } = await quit(site, undefined, [4, 5]);
  let gone = 0;
  for (let at = 1; at <= fileSystem.calls.length; at++) {
    const { updated } = await quit(site, { at, how: "fail", code: "EIO" }, [4, 5]);
    const left = subjects(await recovered(site));
    const where = `at ${at}, ${fileSystem.calls[at - 1]}`;
    if (left.length === 5) continue;
    if (updated.kind === "failed") gone++;
    assert.deepEqual(await keptSubjects(site), ["four", "five"], where);
  }
  assert.ok(gone > 0, "a sync behind the cut failed");
});

test("restoring, killed or failed at any call and given again, brings each message back once", async (t) => {
  const site = temporarySite(t);
  const restore = async (fault?: Fault) => {
    const fileSystem = faultyFileSystem(fault);
    const parts = { site, store, clock: systemClock, log: memoryLog([]), lockTimeout: 1000, fileSystem };
    try {
      return await restoreRemoved(parts, "wang", {});
    } catch (error) {
      assert.ok(error instanceof MboxError, String(error));
      return undefined;
    } finally {
      await fileSystem.closeAll();
    }
  };
  await quit(site);
  const recorder = faultyFileSystem();
  const parts = {
    site,
    store,
    clock: systemClock,
    log: memoryLog([]),
    lockTimeout: 1000,
    fileSystem: recorder,
  };
  assert.equal((await restoreRemoved(parts, "wang", {})).restored, 2);
  const after = ["one", "three", "five", "two", "four"];
  assert.deepEqual(subjects(await recovered(site)), after);
  for (const how of ["kill", "short"] as const) {
    for (let at = 1; at <= recorder.calls.length; at++) {
      await quit(site);
      await restore({ at, how });
      const left = subjects(await recovered(site));
      const where = `${how} at ${at}, ${recorder.calls[at - 1]}`;
      assert.ok(left.length === 3 || left.join() === after.join(), `${where}: ${left.join()}`);
      await restore();
      assert.deepEqual(subjects(await recovered(site)), after, where);
      assert.deepEqual(await keptSubjects(site), [], where);
    }
  }
});

test("a removal that fails half way keeps others out, and is tried again each minute until the disk is well", async (t) => {
  const site = temporarySite(t);
  const { fileSystem } = await quit(site);
  let half = 0;
  for (let at = 1; at <= fileSystem.calls.length; at++) {
    const clock = new ManualClock();
    const moves = new BackgroundMoves({ clock, log: memoryLog([]) });
    const { fileSystem: failing, paths } = await quit(site, { at, how: "fail", code: "EIO" }, [2, 4], moves);
    const unfinished = (statSync(paths.journal, { throwIfNoEntry: false })?.size ?? 0) > 0;
    const where = `${at} ${failing.calls[at - 1]}`;
    assert.equal(existsSync(paths.lock), unfinished, where);
    if (!unfinished) continue;
    half++;
    await clock.advance(60_000);
    await moves.stop();
    assert.equal(existsSync(paths.lock), false, where);
    assert.deepEqual(subjects(readFileSync(paths.mbox, "latin1")), ["one", "three", "five"], where);
  }
  assert.ok(half > 0);
});

test("a delivery that has the mailbox as soon as QUIT gives it up is not taken for QUIT's own unfinished change", async (t) => {
  const site = temporarySite(t);
  const { mbox, journal } = mailboxPaths(site, "wang");
  const real: FileSystem = {
    ...nodeFileSystem,
    async open(...args) {
      const file = await nodeFileSystem.open(...args);
      if (args[0] !== mbox) return file;
      const close = file.close.bind(file);
      // The kernel's lock goes with the mbox.
      file.close = () => close().finally(() => writeFileSync(journal, "what is being delivered"));
      return file;
    },
  };
  const lines: string[] = [];
  const clock = new ManualClock();
  const moves = new BackgroundMoves({ clock, log: memoryLog(lines) });
  const { updated } = await quit(site, undefined, [2, 4], moves, real);
  assert.deepEqual(updated, { kind: "done" });
  assert.equal(clock.waiting, 0, "nothing is to be tried again");
  assert.deepEqual(lines, []);
  await moves.stop();
});
