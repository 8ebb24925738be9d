import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { FileSystem } from "../../src/fs/file-system.ts";
import { nodeFileSystem } from "../../src/fs/file-system.ts";
import { bootId, frame } from "../../src/mbox/journal.ts";
import { recoverAllMailboxes, releaseLocksOfTheDead } from "../../src/mbox/recover.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import {
  content,
  journalLength,
  keptLog,
  leaveAppend,
  locked,
  mailbox,
  temporarySite,
  writeJournal,
} from "./mailbox-fixture.ts";

const recover = async (site: Parameters<typeof recoverAllMailboxes>[0], later = 0, log = keptLog()) =>
  await recoverAllMailboxes(site, { clock: new ManualClock(Date.now() + later), log });

test("with nothing to mend, and with no folders at all, nothing is mended", async (t) => {
  const site = temporarySite(t);
  assert.equal(await recover(site), 0);
  await (await locked(mailbox(site, "user", "text"))).release();
  assert.equal(await recover(site), 0);
});

test("journals are replayed at once, however fresh the directory that the dead process left", async (t) => {
  const site = temporarySite(t);
  const one = mailbox(site, "one", "old mail\n\nhalf a mess");
  leaveAppend(one, 10);
  mkdirSync(one.lock);
  const two = mailbox(site, "two", "old mail");
  leaveAppend(two, 3);
  const log = keptLog();
  assert.equal(await recover(site, 0, log), 2);
  assert.equal(content(one), "old mail\n\n");
  assert.equal(content(two), "old");
  assert.equal(journalLength(one) + journalLength(two), 0);
  assert.ok(existsSync(one.lock), "a live process may just have made it");
  assert.match(log.lines.join("\n"), /one: an unfinished append was undone, 21 bytes cut back to 10/);
  assert.equal(await recover(site, 16_000), 1);
  assert.equal(existsSync(one.lock), false);
});

test("a mailbox that nobody has locked is locked while its journal is replayed", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", "old mail");
  leaveAppend(paths, 3);
  const seen: boolean[] = [];
  const watched: FileSystem = {
    ...nodeFileSystem,
    open: async (path, flags, mode) => {
      if (path === paths.mbox) seen.push(existsSync(paths.lock));
      return await nodeFileSystem.open(path, flags, mode);
    },
  };
  await recoverAllMailboxes(site, {
    clock: new ManualClock(Date.now()),
    log: keptLog(),
    fileSystem: watched,
  });
  assert.deepEqual(seen, [true]);
  assert.equal(existsSync(paths.lock), false);
  assert.equal(content(paths), "old");
});

test("whoever locks a mailbox, or breaks its lock, replays its journal", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", "old mail");
  leaveAppend(paths, 3);
  await (await locked(paths)).release();
  assert.equal(content(paths), "old");
  assert.equal(journalLength(paths), 0);
});

test("a journal whose mbox is gone stays: the spool may not be mounted", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", "old mail");
  leaveAppend(paths, 3);
  unlinkSync(paths.mbox);
  assert.equal(await recover(site), 0);
  assert.ok(journalLength(paths) > 0);
  assert.equal(existsSync(paths.mbox), false);
  assert.equal(existsSync(paths.lock), false);
});

test("a mailbox that somebody works on is left to them", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", "old mail");
  const box = await locked(paths);
  leaveAppend(paths, 3);
  assert.equal(await recover(site, 60_000), 0);
  assert.equal(content(paths), "old mail");
  await box.release();
  assert.ok(existsSync(paths.lock), "the change is half done");
  rmdirSync(paths.lock);
  writeFileSync(paths.lock, "");
  assert.equal(await recover(site), 0);
  assert.equal(content(paths), "old mail", "another program has it");
  assert.equal(await recover(site, 301_000), 1);
  assert.equal(content(paths), "old");
});

test("a journal that is torn or nonsense is dropped, and the mbox left as it is", async (t) => {
  const site = temporarySite(t);
  const whole = frame({ kind: "append", device: 1, inode: 1, length: 3, boot: bootId() });
  const torn = [
    whole.subarray(0, 20),
    Buffer.from("x"),
    Buffer.alloc(9000),
    Buffer.from("MBJ1\xff\xff\xff\xff", "latin1"),
  ];
  for (const [i, bytes] of torn.entries()) {
    const paths = mailbox(site, `user${i}`, "old mail");
    writeJournal(paths, bytes);
    await (await locked(paths)).release();
    assert.equal(content(paths), "old mail");
    assert.equal(journalLength(paths), 0);
  }
});

test("a folder of the spool that is not ours to read keeps nobody from the rest", async (t) => {
  const site = temporarySite(t);
  const foreign = join(site.spoolDir, "backup.old");
  const paths = mailbox(site, "user", "old mail");
  mkdirSync(paths.lock);
  const fileSystem: FileSystem = {
    ...nodeFileSystem,
    readdir: async (path) => {
      if (path !== foreign) return await nodeFileSystem.readdir(path);
      throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
    },
  };
  const folders = () => [
    { path: foreign, domain: "backup.old" },
    { path: site.spoolDir, domain: "" },
  ];
  const log = keptLog();
  const clock = new ManualClock(Date.now() + 60_000);
  assert.equal(
    await recoverAllMailboxes({ ...site, mailboxFolders: folders }, { clock, log, fileSystem }),
    1,
  );
  assert.equal(existsSync(paths.lock), false);
  assert.match(log.lines.join("\n"), /backup\.old: can not be looked through/);
});

test("who takes the place of one that died breaks its locks at once, and no other", async (t) => {
  const site = temporarySite(t);
  const left = mailbox(site, "left", "old mail\n\n");
  mkdirSync(left.lock);
  const held = mailbox(site, "held", "old mail\n\n");
  const box = await locked(held);
  const foreign = mailbox(site, "foreign", "old mail\n\n");
  writeFileSync(foreign.lock, "1\n");
  const log = keptLog();
  const clock = new ManualClock(Date.now() + 1000);
  assert.equal(await releaseLocksOfTheDead(site, { clock, log }), 1);
  assert.deepEqual(
    [existsSync(left.lock), existsSync(held.lock), existsSync(foreign.lock)],
    [false, true, true],
  );
  assert.match(log.lines.join("\n"), /left\.lock: broke a stale lock: nobody holds it/);
  await box.release();
  assert.equal(existsSync(held.lock), false);
  // One that is made in this very moment is somebody's who lives.
  mkdirSync(left.lock);
  assert.equal(await releaseLocksOfTheDead(site, { clock: new ManualClock(Date.now() - 1000), log }), 0);
  assert.ok(existsSync(left.lock));
});
