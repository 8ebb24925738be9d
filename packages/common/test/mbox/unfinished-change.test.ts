/** A change that fails half way, with the process alive: nobody gets into the mbox before it is finished. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/clock.ts";
import { appendMessages } from "../../src/mbox/append.ts";
import { frame, subjectOf } from "../../src/mbox/journal.ts";
import { lockMailbox } from "../../src/mbox/lock.ts";
import type { MailboxPaths } from "../../src/mbox/mailboxes.ts";
import { MboxError } from "../../src/mbox/mbox-error.ts";
import { recoverAllMailboxes } from "../../src/mbox/recover.ts";
import { removeMessages } from "../../src/mbox/remove.ts";
import { faultyFileSystem } from "../../src/testing/faulty-file-system.ts";
import {
  content,
  journalLength,
  keptLog,
  leaveAppend,
  locked,
  mailbox,
  message,
  temporarySite,
  writeJournal,
} from "./mailbox-fixture.ts";

const TEXT = Array.from({ length: 20 }, (_, i) => `${i}:${"abcdefghij".slice(i % 7)}|`).join("");
const NEW = TEXT.slice(9);

/** One try to lock, now. */
async function tryOnce(paths: MailboxPaths, log = keptLog()) {
  return await lockMailbox(paths, { timeout: 0, clock: systemClock, log });
}

test("a removal that a failing disk stops half way keeps NAME.lock until one of us has finished it", async (t) => {
  const site = temporarySite(t);
  const run = async (name: string, at?: number) => {
    const paths = mailbox(site, name, TEXT);
    const fileSystem = faultyFileSystem(at === undefined ? undefined : { at, how: "kill", code: "EIO" });
    const log = keptLog();
    let error: unknown;
    try {
      const box = await locked(paths, fileSystem, log);
      await removeMessages(box, [{ start: 0, end: 9 }], 4096).catch((e: unknown) => {
        error = e;
      });
      await box.release();
    } catch (e) {
      error = e;
    }
    await fileSystem.closeAll();
    return { paths, error, fileSystem, log };
  };
  await run("first");
  const { fileSystem } = await run("first");
  let half = 0;
  for (let at = 1; at <= fileSystem.calls.length; at++) {
    const { paths, error, log } = await run("first", at);
    assert.ok(error instanceof MboxError, `${at}`);
    const unfinished = journalLength(paths) > 0;
    const where = `${at} ${fileSystem.calls[at - 1]}`;
    assert.equal(existsSync(paths.lock), unfinished, where);
    if (!unfinished) continue;
    half++;
    assert.match(log.lines.join("\n"), /first\.lock: stays until a change that failed half way is finished/);
    // The disk fails still: whoever of us comes keeps it too.
    const broken = faultyFileSystem({ at: 1, how: "kill", code: "EIO" });
    await assert.rejects(locked(paths, broken), MboxError);
    assert.ok(existsSync(paths.lock), where);
    const box = await tryOnce(paths, log);
    assert.ok([TEXT, NEW].includes(content(paths)), where);
    assert.equal(journalLength(paths), 0);
    await box!.release();
    assert.equal(existsSync(paths.lock), false);
    assert.match(log.lines.join("\n"), /broke a stale lock: a change was left half done/);
  }
  assert.ok(half > 3);
});

test("an append that can not be cut back keeps NAME.lock, and the next takes it out", async (t) => {
  const site = temporarySite(t);
  const old = "From a\n\nold\n\n";
  const append = async (at?: number) => {
    const paths = mailbox(site, "user", old);
    const fileSystem = faultyFileSystem(at === undefined ? undefined : { at, how: "kill", code: "EIO" });
    const box = await locked(paths, fileSystem);
    const before = fileSystem.calls.length;
    const done = await appendMessages(box, [message("Subject: one\r\n\r\ntext\r\n")]).then(
      () => true,
      (error: unknown) => !(error instanceof MboxError),
    );
    await box.release();
    await fileSystem.closeAll();
    return { paths, done, before, all: fileSystem.calls.length };
  };
  await append();
  const { before, all } = await append();
  let half = 0;
  for (let at = before + 1; at <= all; at++) {
    const { paths, done } = await append(at);
    assert.equal(done, false, `${at}`);
    assert.equal(existsSync(paths.lock), journalLength(paths) > 0, `${at}`);
    if (existsSync(paths.lock)) half++;
    await (await tryOnce(paths))!.release();
    assert.equal(content(paths), old);
    assert.equal(existsSync(paths.lock), false);
  }
  assert.ok(half >= 2);
});

test("a change of a mailbox whose spool is away is finished when the spool is back", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", "old mail");
  // Where the file system says no time, any will do.
  leaveAppend(paths, 3, undefined, statSync(paths.mbox).birthtimeMs || 1);
  const away = `${site.spoolDir}.away`;
  renameSync(site.spoolDir, away);
  mkdirSync(site.spoolDir);
  const log = keptLog();
  assert.equal(await recoverAllMailboxes(site, { clock: systemClock, log }), 0);
  assert.ok(journalLength(paths) > 0);
  assert.match(
    log.lines.join("\n"),
    /user: is not there, and a change of it is half done; it is finished when/,
  );
  assert.deepEqual(readdirSync(site.spoolDir), [], "no lock is left");
  // Mail comes meanwhile, and makes another file of that name.
  await (await locked(paths, undefined, log)).release();
  assert.equal(journalLength(paths), 0);
  assert.match(log.lines.join("\n"), /has been replaced .*; should the former file come back, the change/);
  await (await locked(paths)).release();
  renameSync(site.spoolDir, `${site.spoolDir}.other`);
  renameSync(away, site.spoolDir);
  await (await locked(paths)).release();
  assert.equal(content(paths), "old");
  assert.deepEqual(
    readdirSync(dirname(paths.journal)).filter((name) => name.startsWith(".")),
    [],
  );
});

test("where it is not known when files were made, no change waits for a file that may be another by then", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", "old mail");
  leaveAppend(paths, 3);
  renameSync(paths.mbox, `${paths.mbox}.away`);
  const log = keptLog();
  await (await locked(paths, undefined, log)).release();
  assert.match(log.lines.join("\n"), /user: has been replaced since a change began, left as it is$/m);
  assert.equal(journalLength(paths), 0);
  renameSync(`${paths.mbox}.away`, paths.mbox);
  await (await locked(paths)).release();
  assert.equal(content(paths), "old mail");
});

test("without mail in between, the file that is back is mended by its journal", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", "old mail");
  leaveAppend(paths, 3);
  renameSync(paths.mbox, `${paths.mbox}.away`);
  assert.equal(await tryOnce(paths), undefined);
  renameSync(`${paths.mbox}.away`, paths.mbox);
  appendFileSync(paths.mbox, "From b\n");
  await (await tryOnce(paths))!.release();
  assert.equal(content(paths), "oldFrom b\n");
});

const FOREIGN = "From b@example.com Tue Nov 24 00:00:00 2026\n\nforeign mail\n\n";

/** Mends with every call killed once, and then to the end; what the mbox is afterwards each time. */
async function mendWithKills(prepare: () => MailboxPaths): Promise<Set<string>> {
  const left = new Set<string>();
  for (let at = 1, struck = true; struck; at++) {
    const paths = prepare();
    const dying = faultyFileSystem({ at, how: "kill" });
    await locked(paths, dying).then(
      (box) => box.release(),
      () => undefined,
    );
    await dying.closeAll();
    ({ struck } = dying);
    await (await locked(paths)).release();
    assert.equal(journalLength(paths), 0);
    assert.equal(existsSync(paths.lock), false);
    left.add(content(paths));
  }
  return left;
}

test("taking half a batch out before another program's mail can be killed at any call", async (t) => {
  const site = temporarySite(t);
  const old = "From a\n\nold\n\n";
  const left = await mendWithKills(() => {
    const paths = mailbox(site, "user", `${old}half a mess`);
    leaveAppend(paths, old.length);
    appendFileSync(paths.mbox, FOREIGN);
    return paths;
  });
  assert.deepEqual(left, new Set([old + FOREIGN]));
});

test("so can taking the room of a replacement out before another program's mail", async (t) => {
  const site = temporarySite(t);
  const left = await mendWithKills(() => {
    const paths = mailbox(site, "user", `${TEXT}${"\0".repeat(20)}${FOREIGN}`);
    const plan = { kind: "replace", ...subjectOf(statSync(paths.mbox)), length: TEXT.length } as const;
    writeJournal(paths, frame({ ...plan, at: 0, bytes: TEXT.length + 30, sum: "abc" }));
    return paths;
  });
  assert.deepEqual(left, new Set([TEXT + FOREIGN]));
});
