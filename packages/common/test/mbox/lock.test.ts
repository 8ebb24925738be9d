import assert from "node:assert/strict";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { Clock } from "../../src/clock.ts";
import { systemClock } from "../../src/clock.ts";
import { type FileSystem, nodeFileSystem } from "../../src/fs/file-system.ts";
import { takeDotlock } from "../../src/mbox/dotlock.ts";
import type { LockedMailbox } from "../../src/mbox/lock.ts";
import { lockMailbox } from "../../src/mbox/lock.ts";
import type { MailboxPaths } from "../../src/mbox/mailboxes.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { content, keptLog, locked, mailbox, temporarySite } from "./mailbox-fixture.ts";

/** One try, by a clock that says that `later` ms have passed. */
async function tryOnce(paths: MailboxPaths, later = 0, log = keptLog()): Promise<LockedMailbox | undefined> {
  const clock: Clock = new ManualClock(Date.now() + later);
  return await lockMailbox(paths, { timeout: 0, clock, log });
}

const busy = { name: "MboxError", fault: "busy" };

/** Lets time pass by the clock until the promise has settled. */
async function passing<T>(clock: ManualClock, promise: Promise<T>): Promise<T> {
  let settled = false;
  const watched = promise.finally(() => {
    settled = true;
  });
  watched.catch(() => undefined);
  while (!settled) {
    await clock.advance(5);
    await new Promise(setImmediate);
  }
  return await watched;
}

test("without an mbox there is nothing to lock, unless one is to be made", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user");
  assert.equal(await tryOnce(paths), undefined);
  assert.equal(existsSync(paths.lock), false);
  const options = { timeout: 0, clock: systemClock, log: keptLog(), create: true };
  const box = await lockMailbox(paths, options);
  assert.ok(statSync(paths.lock).isDirectory());
  assert.equal(statSync(paths.mbox).mode & 0o777, 0o660);
  await box!.release();
  await box!.release();
  assert.equal(existsSync(paths.lock), false);
  const other = mailbox(site, "other");
  await (await lockMailbox(other, { ...options, mode: 0o600 }))!.release();
  assert.equal(statSync(other.mbox).mode & 0o777, 0o600);
});

test("one try at a held lock is busy, within a process too", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "");
  const box = await tryOnce(paths);
  await assert.rejects(tryOnce(paths), busy);
  await box!.release();
  await (await tryOnce(paths))!.release();
});

test("waiting ends with the lock, or with busy once the time is over", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "");
  writeFileSync(paths.lock, "0");
  const clock = new ManualClock(Date.now());
  const options = { timeout: 3000, clock, log: keptLog() };
  const started = clock.now();
  await assert.rejects(passing(clock, lockMailbox(paths, options)), busy);
  assert.ok(clock.now() - started >= 3000);
  const waiting = lockMailbox(paths, { ...options, timeout: 60_000 });
  await clock.advance(5);
  unlinkSync(paths.lock);
  const box = await passing(clock, waiting);
  await box!.release();
});

test("those of one process get the lock in the order in which they came", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "");
  const order: number[] = [];
  const options = { timeout: 20_000, clock: systemClock, log: keptLog() };
  await Promise.all(
    Array.from({ length: 20 }, async (_, i) => {
      const box = await lockMailbox(paths, options);
      order.push(i);
      await box!.release();
    }),
  );
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, i) => i),
  );
});

test("one that has given up waiting does not hold up those behind", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "");
  const clock = new ManualClock(Date.now());
  const first = await lockMailbox(paths, { timeout: 0, clock, log: keptLog() });
  const second = lockMailbox(paths, { timeout: 100, clock, log: keptLog() });
  const third = lockMailbox(paths, { timeout: 10_000, clock, log: keptLog() });
  await assert.rejects(passing(clock, second), busy);
  await first!.release();
  await (await passing(clock, third))!.release();
});

test("the fcntl lock of another program keeps us out, and the dotlock is given back", async (t) => {
  const { tryKernelLock } = await import("../../src/mbox/kernel-lock.ts");
  const paths = mailbox(temporarySite(t), "user", "");
  const other = await nodeFileSystem.open(paths.mbox, 2);
  assert.ok(tryKernelLock(other.fd));
  await assert.rejects(tryOnce(paths), busy);
  assert.equal(existsSync(paths.lock), false);
  await other.close();
  await (await tryOnce(paths))!.release();
});

test("links, folders, pipes and files with two names are no mailboxes", async (t) => {
  const site = temporarySite(t);
  const real = mailbox(site, "real", "");
  const { execFileSync } = await import("node:child_process");
  symlinkSync(real.mbox, mailbox(site, "link").mbox);
  symlinkSync("/nowhere", mailbox(site, "dangling").mbox);
  mkdirSync(mailbox(site, "folder").mbox);
  execFileSync("mkfifo", [mailbox(site, "pipe").mbox]);
  linkSync(mailbox(site, "two", "").mbox, join(site.root, "second-name"));
  for (const name of ["link", "dangling", "folder", "pipe", "two"]) {
    const paths = mailbox(site, name);
    const options = { timeout: 0, clock: systemClock, log: keptLog(), create: true };
    await assert.rejects(lockMailbox(paths, options), { name: "MboxError", fault: "not-a-file" }, name);
    assert.equal(existsSync(paths.lock), false, name);
  }
});

test("an mbox that another program replaces while it is being locked is opened again", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "old");
  let opened = 0;
  const fileSystem = {
    ...nodeFileSystem,
    open: async (path: string, flags: number, mode?: number) => {
      const file = await nodeFileSystem.open(path, flags, mode);
      if (path === paths.mbox && ++opened === 1) {
        writeFileSync(`${paths.mbox}.new`, "new");
        renameSync(`${paths.mbox}.new`, paths.mbox);
      }
      return file;
    },
  };
  const box = await lockMailbox(paths, { timeout: 0, clock: systemClock, log: keptLog(), fileSystem });
  assert.equal(opened, 2);
  assert.equal((await box!.file.stat()).ino, statSync(paths.mbox).ino);
  await box!.release();
});

test("a dead process's directory is broken after 15 s, not before", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "");
  mkdirSync(paths.lock);
  await assert.rejects(tryOnce(paths, 14_000), busy);
  const log = keptLog();
  await (await tryOnce(paths, 16_000, log))!.release();
  assert.match(log.lines.join("\n"), /user\.lock: broke a stale lock: not renewed for 16 s/);
  assert.equal(existsSync(paths.lock), false);
});

test("a directory whose owner holds the mbox is never broken, however old", async (t) => {
  const { tryKernelLock } = await import("../../src/mbox/kernel-lock.ts");
  const paths = mailbox(temporarySite(t), "user", "");
  mkdirSync(paths.lock);
  const owner = await nodeFileSystem.open(paths.mbox, 2);
  tryKernelLock(owner.fd);
  await assert.rejects(tryOnce(paths, 3_600_000), busy);
  assert.ok(existsSync(paths.lock));
  await owner.close();
});

test("a stale directory with no mbox beside it is broken when an mbox is made", async (t) => {
  const paths = mailbox(temporarySite(t), "user");
  mkdirSync(paths.lock);
  assert.equal(await tryOnce(paths, 60_000), undefined);
  const clock = new ManualClock(Date.now() + 60_000);
  await (await lockMailbox(paths, { timeout: 0, clock, log: keptLog(), create: true }))!.release();
  assert.equal(existsSync(paths.lock), false);
});

test("another program's lock file is waited for: 5 minutes, or 30 s when the process that it names is gone", async (t) => {
  const site = temporarySite(t);
  const gone = 4_190_000; // Above the largest process id that Linux gives by default.
  const cases: [string, number, boolean][] = [
    ["", 299_000, false],
    ["", 301_000, true],
    ["0", 299_000, false],
    [`${process.pid}\n`, 299_000, false],
    [`${process.pid}\n`, 301_000, true],
    [`${gone}\n`, 29_000, false],
    [`${gone}\n`, 31_000, true],
    [`${gone} ${hostname()}`, 31_000, true],
    [`${gone}@elsewhere.example`, 31_000, false],
    ["user@host", 31_000, false],
  ];
  for (const [i, [text, age, broken]] of cases.entries()) {
    const paths = mailbox(site, `user${i}`, "");
    writeFileSync(paths.lock, text);
    const name = `${JSON.stringify(text)} after ${age} ms`;
    if (broken) await (await tryOnce(paths, age))!.release();
    else await assert.rejects(tryOnce(paths, age), busy, name);
    assert.equal(existsSync(paths.lock), !broken, name);
  }
});

test("a lock directory with something in it is left alone and said to be in the way", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "");
  mkdirSync(paths.lock);
  writeFileSync(join(paths.lock, "keep"), "");
  await assert.rejects(tryOnce(paths, 60_000), { name: "MboxError" });
  assert.equal(readFileSync(join(paths.lock, "keep"), "utf8"), "");
});

test("two breakers at once: one lock, never two", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "");
  const { breakStaleDotlock } = await import("../../src/mbox/dotlock.ts");
  for (let round = 0; round < 20; round++) {
    mkdirSync(paths.lock);
    const clock = new ManualClock(Date.now() + 60_000);
    const parts = { fileSystem: nodeFileSystem, clock, log: keptLog() };
    const broken = await Promise.all([1, 2, 3].map(() => breakStaleDotlock(paths, undefined, parts)));
    assert.equal(broken.filter(Boolean).length, 1);
  }
});

test("a lock that somebody touches is still given up", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "text");
  const box = await locked(paths);
  utimesSync(paths.lock, 1, 1);
  await box.release();
  assert.equal(existsSync(paths.lock), false);
  assert.equal(content(paths), "text");
});

test("one that was held up while its lock was broken leaves the lock of the next alone", async (t) => {
  const paths = mailbox(temporarySite(t), "user", "text");
  const parts = { fileSystem: nodeFileSystem, clock: systemClock, log: keptLog() };
  const held = await takeDotlock(paths, parts);
  assert.equal(await held?.isOurs(), true);
  // Another process finds it stale and takes it; the file system may well give the same inode again.
  const { birthtimeMs } = statSync(paths.lock);
  do {
    rmdirSync(paths.lock);
    mkdirSync(paths.lock);
  } while (statSync(paths.lock).mtimeMs < birthtimeMs + 100);
  assert.equal(await held?.isOurs(), false);
  await held?.release();
  assert.ok(existsSync(paths.lock));
});

test("whoever ends its change while another finds it half done keeps its lock until it removes it itself", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", "From a@b.example Tue Nov 24 00:00:00 2026\n\n\n");
  mkdirSync(paths.lock);
  mkdirSync(dirname(paths.journal), { recursive: true });
  writeFileSync(paths.journal, "a change under way");
  const log = keptLog();
  // The owner empties its journal and gives up the kernel's lock before the other asks for that.
  const fileSystem: FileSystem = {
    ...nodeFileSystem,
    open(...args) {
      if (args[0] === paths.mbox) writeFileSync(paths.journal, "");
      return nodeFileSystem.open(...args);
    },
  };
  const options = { timeout: 0, clock: systemClock, log, fileSystem };
  await assert.rejects(lockMailbox(paths, options), busy);
  assert.ok(existsSync(paths.lock));
  assert.deepEqual(log.lines, []);
});
