/**
 * `NAME.lock` beside the mbox: taken as a directory through proper-lockfile, and broken when its owner is gone.
 *
 * The library makes the directory and renews its time stamp every 5 s; it is told never to break a lock itself. What
 * breaks one is {@link breakStaleDotlock}, under the kernel's lock on the mbox.
 */
import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { hostname } from "node:os";
import { lock } from "proper-lockfile";
import type { Clock } from "../clock.ts";
import { errnoOf, messageOf } from "../errors.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { readWhole } from "../fs/whole-io.ts";
import type { Log } from "../log/log.ts";
import { journalIsEmpty } from "./journal.ts";
import { tryKernelLock } from "./kernel-lock.ts";
import {
  disownDirectory,
  isOwnDirectory,
  leavesUnfinished,
  lockDirectoryCalls,
  ownDirectory,
  syncLockDirectoryCalls,
} from "./lock-directory.ts";
import type { MailboxPaths } from "./mailboxes.ts";
import { isStillAt, openMbox } from "./open-mbox.ts";
import { mendMailbox } from "./replay.ts";

/** A dotlock that is ours. */
export interface Dotlock {
  /** Whether it is still there and still the one that we made. */
  isOurs(): Promise<boolean>;
  /**
   * Removes it; while the journal speaks of a change that failed half way it stays, for the next of us to finish the change and
   * break it. Never rejects: what went wrong is in the log, and the lock is stale 15 s from now.
   */
  release(): Promise<void>;
}

/** What this file needs of its caller. */
export interface DotlockParts {
  readonly fileSystem: FileSystem;
  readonly clock: Clock;
  readonly log: Log;
}

/** How often the time stamp is renewed, ms. */
const RENEWAL = 5_000;
/** A directory not renewed for so long belongs to a mailhost process that died, ms. */
const DIRECTORY_STALE = 15_000;
/** A file that names a dead process is stale after, ms. */
const FILE_STALE_OWNER_GONE = 30_000;
/** Any other file is stale after, ms. */
const FILE_STALE = 5 * 60_000;

/** Makes the dotlock; undefined when somebody has it. */
export async function takeDotlock(paths: MailboxPaths, parts: DotlockParts): Promise<Dotlock | undefined> {
  const { fileSystem, log } = parts;
  surviveFileSizeLimit();
  let released = false;
  let giveUp: () => Promise<void>;
  try {
    giveUp = await lock(paths.mbox, {
      lockfilePath: paths.lock,
      realpath: false,
      retries: 0,
      fs: fileSystem.synchronous === true ? syncLockDirectoryCalls : lockDirectoryCalls,
      stale: Number.POSITIVE_INFINITY,
      update: RENEWAL,
      onCompromised: (error) => {
        if (!released) log.write("error", `${paths.lock}: somebody else touched our lock: ${error.message}`);
      },
    });
  } catch (error) {
    if (errnoOf(error) === "ELOCKED") return undefined;
    disownDirectory(paths.lock);
    throw error;
  }
  ownDirectory(paths.lock, paths.journal);
  const isOurs = async () => {
    const now = await look(fileSystem, paths.lock);
    return now !== undefined && isOwnDirectory(paths.lock, now);
  };
  return {
    isOurs,
    async release() {
      if (released) return;
      released = true;
      try {
        await giveUp().catch(async (error: unknown) => {
          // Touched by somebody, so that the library let go of it; the directory is ours all the same.
          if (errnoOf(error) !== "ERELEASED" && errnoOf(error) !== "ENOTACQUIRED") throw error;
          if (!leavesUnfinished(paths.lock) && (await isOurs())) await fileSystem.rmdir(paths.lock);
        });
      } catch (error) {
        log.write("error", `${paths.lock}: can not be removed: ${messageOf(error)}`);
      } finally {
        if (disownDirectory(paths.lock))
          log.write("warn", `${paths.lock}: stays until a change that failed half way is finished`);
      }
    },
  };
}

/**
 * Keeps a process alive that meets its file size limit (setrlimit(2), RLIMIT_FSIZE): the write fails with EFBIG and the
 * append is undone. Node ignores the signal, but proper-lockfile ends the process at every signal that it alone hears.
 */
export function surviveFileSizeLimit(): void {
  if (!process.listeners("SIGXFSZ").includes(carryOn)) process.on("SIGXFSZ", carryOn);
}

function carryOn(): void {
  // The write's own error says what happened.
}

/**
 * Breaks the dotlock when it is stale and the kernel's lock on the mbox can be had at once; what its owner left half
 * done is mended first. Two that try at the same time can not remove each other's fresh lock: each looks again, with
 * the kernel's lock held, at what it is about to remove.
 *
 * @param create permissions of an mbox to make when there is none; without one there is nothing to hold while breaking
 * @param parts with `diedBefore`: a process of ours has died before that time (ms since 1970), so that a directory which is older
 *   is stale when nobody has the kernel's lock; one of us who was about to take it notices and begins anew
 * @returns whether it was broken
 */
export async function breakStaleDotlock(
  paths: MailboxPaths,
  create: number | undefined,
  parts: DotlockParts & { readonly diedBefore?: number },
): Promise<boolean> {
  const { fileSystem, log, diedBefore = Number.NEGATIVE_INFINITY } = parts;
  const seen = await look(fileSystem, paths.lock);
  if (seen === undefined) return false;
  const isOfTheDead = seen.isDirectory() && seen.mtimeMs < diedBefore;
  const reason = isOfTheDead ? "nobody holds it" : await staleReason(paths, seen, parts);
  if (reason === undefined) return false;
  const file = await openMbox(fileSystem, paths.mbox, create);
  if (file === undefined) return false;
  try {
    if (!tryKernelLock(file.fd) || !(await isStillAt(fileSystem, paths.mbox, file))) return false;
    const now = await look(fileSystem, paths.lock);
    if (now === undefined || now.ino !== seen.ino || now.mtimeMs !== seen.mtimeMs) return false;
    // Whoever was in the middle of a change may have ended it meanwhile, and is about to remove its lock itself.
    if (!isOfTheDead && (await staleReason(paths, now, parts)) === undefined) return false;
    await mendMailbox({ paths, file, fileSystem, log });
    if (now.isDirectory()) await fileSystem.rmdir(paths.lock);
    else await fileSystem.unlink(paths.lock);
    log.write("warn", `${paths.lock}: broke a stale lock: ${reason}`);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  } finally {
    await file.close();
  }
}

/** Why the lock is stale, or undefined while it is not. */
async function staleReason(
  paths: MailboxPaths,
  seen: Stats,
  { fileSystem, clock }: DotlockParts,
): Promise<string | undefined> {
  const age = clock.now() - seen.mtimeMs;
  const seconds = Math.round(age / 1000);
  if (seen.isDirectory()) {
    // A stamp from far in the future is as dead: whoever lives renews it with the time of now.
    if (Math.abs(age) > DIRECTORY_STALE) return `not renewed for ${seconds} s`;
    // Whoever writes a journal holds the kernel's lock, which the caller tries next: if it can be had, nobody is at work.
    return (await journalIsEmpty(fileSystem, paths.journal)) ? undefined : "a change was left half done";
  }
  if (age > FILE_STALE) return `${seconds} s old`;
  if (age <= FILE_STALE_OWNER_GONE) return undefined;
  const owner = await ownerOf(fileSystem, paths.lock);
  return owner !== undefined && isGone(owner) ? `${seconds} s old, and process ${owner} is gone` : undefined;
}

/** The process of this machine that a lock file names: `PID`, `PID HOST` or `PID@HOST`. */
async function ownerOf(fileSystem: FileSystem, path: string): Promise<number | undefined> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const file = await fileSystem.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const text = Buffer.alloc(300);
      const length = await readWhole(file, text, 0);
      const [, pid, host] =
        /^\s*([1-9]\d{0,9})(?:[\s@:]+([^\s]+))?\s*$/.exec(text.toString("latin1", 0, length)) ?? [];
      if (pid === undefined || (host !== undefined && host !== hostname())) return undefined;
      return Number(pid);
    } finally {
      await file.close();
    }
  } catch {
    // Gone, or not for us to read: no owner is known, and the longer age counts.
    return undefined;
  }
}

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errnoOf(error) === "ESRCH";
  }
}

async function look(fileSystem: FileSystem, path: string): Promise<Stats | undefined> {
  try {
    return await fileSystem.lstat(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
