/**
 * Mends at start, before any port is bound, what a crash left in the mailboxes: every journal that says something, and
 * our own stale lock directories.
 */
import { basename, join } from "node:path";
import type { Clock } from "../clock.ts";
import { errnoOf, messageOf } from "../errors.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { nodeFileSystem } from "../fs/file-system.ts";
import type { Log } from "../log/log.ts";
import type { Site } from "../site.ts";
import type { DotlockParts } from "./dotlock.ts";
import { breakStaleDotlock, takeDotlock } from "./dotlock.ts";
import { journalIsEmpty } from "./journal.ts";
import { tryKernelLock } from "./kernel-lock.ts";
import { joinMailboxName } from "./mailbox-name.ts";
import type { MailboxPaths } from "./mailboxes.ts";
import { journalFolder, mailboxNameFault, mailboxPaths } from "./mailboxes.ts";
import { isStillAt, openMbox } from "./open-mbox.ts";
import { replayJournal } from "./replay.ts";

/**
 * Mends all mailboxes. One that can not be mended now is named in the log and left to whoever locks it next.
 *
 * @returns how many journals and stale locks were dealt with
 */
export async function recoverAllMailboxes(
  site: Site,
  options: { clock: Clock; log: Log; fileSystem?: FileSystem },
): Promise<number> {
  const { clock, log, fileSystem = nodeFileSystem } = options;
  const parts = { fileSystem, clock, log };
  let mended = 0;
  const attempt = async (paths: MailboxPaths, mend: () => Promise<boolean>) => {
    try {
      if (await mend()) mended++;
    } catch (error) {
      log.write("error", `${paths.mbox}: can not be mended now: ${messageOf(error)}`);
    }
  };
  for (const name of await names(fileSystem, journalFolder(site))) {
    const paths = mailboxPaths(site, name);
    await attempt(paths, () => replayLeftJournal(paths, parts));
  }
  for (const { path, domain } of site.mailboxFolders()) {
    for (const user of await lockedIn(path, parts)) {
      const paths = mailboxPaths(site, joinMailboxName({ user, domain }));
      await attempt(paths, () => breakLeftLock(paths, parts));
    }
  }
  return mended;
}

/**
 * Breaks the locks that a process of ours left when it was killed, so that neither mail nor logins wait for them to grow old. For a
 * process that takes the place of one that died. One that can not be broken now is left to whoever needs the mailbox.
 *
 * @returns how many there were
 */
export async function releaseLocksOfTheDead(
  site: Site,
  options: { clock: Clock; log: Log; fileSystem?: FileSystem },
): Promise<number> {
  const { clock, log, fileSystem = nodeFileSystem } = options;
  const parts = { fileSystem, clock, log, diedBefore: clock.now() };
  let broken = 0;
  for (const { path, domain } of site.mailboxFolders()) {
    for (const user of await lockedIn(path, parts)) {
      const paths = mailboxPaths(site, joinMailboxName({ user, domain }));
      try {
        if (await breakLeftLock(paths, parts)) broken++;
      } catch (error) {
        log.write("warn", `${paths.lock}: can not be broken now: ${messageOf(error)}`);
      }
    }
  }
  return broken;
}

/**
 * Replays a journal that says something, unless somebody is at work. Whoever writes a journal holds the kernel's lock,
 * so with that lock in hand the writer is dead, however fresh the directory that it left; a lock file of another
 * program is respected.
 */
async function replayLeftJournal(paths: MailboxPaths, parts: DotlockParts): Promise<boolean> {
  const { fileSystem, log } = parts;
  if (await journalIsEmpty(fileSystem, paths.journal)) return false;
  if (await isForeignLock(fileSystem, paths.lock)) {
    const broken = await breakStaleDotlock(paths, undefined, parts);
    if (!broken)
      log.write("warn", `${paths.mbox}: is locked, its unfinished change is left to the next that locks it`);
    return broken;
  }
  // A lock would only be left in a spool that is not mounted.
  if (!(await exists(fileSystem, paths.mbox))) return sayThatItIsAway(paths, log);
  // Nobody's lock is left, after a restart of the system for one: without ours a program that heeds only that walks in.
  // A directory keeps it out, and whoever made it is dead, or has the kernel's lock.
  const dotlock = await takeDotlock(paths, parts);
  try {
    return await replayUnderKernelLock(paths, parts);
  } finally {
    await dotlock?.release();
  }
}

/** The journal stays: the spool may not be mounted yet. Whoever locks the mbox once it is back finishes the change. */
function sayThatItIsAway(paths: MailboxPaths, log: Log): boolean {
  log.write(
    "warn",
    `${paths.mbox}: is not there, and a change of it is half done; it is finished when the file is back (${paths.journal})`,
  );
  return false;
}

async function exists(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    await fileSystem.lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

async function replayUnderKernelLock(paths: MailboxPaths, parts: DotlockParts): Promise<boolean> {
  const { fileSystem, log } = parts;
  const file = await openMbox(fileSystem, paths.mbox, undefined);
  if (file === undefined) return sayThatItIsAway(paths, log);
  try {
    if (!tryKernelLock(file.fd) || !(await isStillAt(fileSystem, paths.mbox, file))) return false;
    if (await journalIsEmpty(fileSystem, paths.journal)) return false;
    await replayJournal({ paths, file, fileSystem, log });
    return true;
  } finally {
    await file.close();
  }
}

/** Breaks a lock directory that is stale; files of other programs are left until somebody needs the mailbox. */
async function breakLeftLock(
  paths: MailboxPaths,
  parts: DotlockParts & { readonly diedBefore?: number },
): Promise<boolean> {
  if (await isForeignLock(parts.fileSystem, paths.lock)) return false;
  return await breakStaleDotlock(paths, undefined, parts);
}

async function isForeignLock(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    return !(await fileSystem.lstat(path)).isDirectory();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** The files of a folder of the spool that have a lock. A folder that only looks like a domain's need not be ours to read. */
async function lockedIn(folder: string, { fileSystem, log }: DotlockParts): Promise<string[]> {
  try {
    return await names(fileSystem, folder, ".lock");
  } catch (error) {
    log.write("warn", `${folder}: can not be looked through for locks that were left: ${messageOf(error)}`);
    return [];
  }
}

/** Names in a folder that can be mailboxes', less `suffix`, which they must have. */
async function names(fileSystem: FileSystem, folder: string, suffix = ""): Promise<string[]> {
  try {
    const entries = await fileSystem.readdir(folder);
    return entries
      .filter((entry) => entry.endsWith(suffix))
      .map((entry) => basename(join(folder, entry), suffix))
      .filter((name) => mailboxNameFault(name) === undefined);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}
