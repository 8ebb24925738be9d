/**
 * The lock on a mailbox, in the order that docs/mbox-and-locking.md gives: a turn within this process, `NAME.lock`,
 * then the kernel's lock on the mbox; given up in the reverse order.
 *
 * Whoever gets it finds the mbox whole: a journal that somebody left has been replayed.
 */
import type { FileHandle } from "node:fs/promises";
import type { Clock } from "../clock.ts";
import { delay } from "../clock.ts";
import { errnoOf } from "../errors.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { nodeFileSystem } from "../fs/file-system.ts";
import type { Log } from "../log/log.ts";
import type { Dotlock, DotlockParts } from "./dotlock.ts";
import { breakStaleDotlock, takeDotlock } from "./dotlock.ts";
import { tryKernelLock } from "./kernel-lock.ts";
import { type MailboxPaths, makeMailboxFolder } from "./mailboxes.ts";
import { asMboxError, MboxError } from "./mbox-error.ts";
import { isStillAt, MBOX_MODE, openMbox } from "./open-mbox.ts";
import { mendMailbox } from "./replay.ts";
import { takeTurn } from "./turns.ts";

/** How to lock. */
export interface LockOptions {
  /** How long to wait for the lock, ms; 0 for one try. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Make the mbox when there is none. */
  readonly create?: boolean;
  /** Permissions of an mbox that is made; 0660. */
  readonly mode?: number;
  readonly fileSystem?: FileSystem;
  /** `if possible`: in a folder that we may not write to, the kernel's lock alone has to do; for files outside the spool. */
  readonly dotlock?: "always" | "if possible";
  /**
   * ms since 1970: a lock directory that is older is of a process before this one, and is broken at once when nobody has the kernel's
   * lock; see {@link breakStaleDotlock}. For files outside the spool, through which a daemon that starts does not look.
   */
  readonly diedBefore?: number;
}

/** A mailbox that nobody else changes now. */
export interface LockedMailbox {
  readonly paths: MailboxPaths;
  /** The mbox, open for reading and writing. */
  readonly file: FileHandle;
  readonly fileSystem: FileSystem;
  readonly log: Log;
  /** Gives the lock up. A second call does nothing. */
  release(): Promise<void>;
}

/** The first and the longest pause between two tries, ms. */
const PAUSE = { first: 10, longest: 250, growth: 1.6 };
/** Any long time, ms. */
const ALIVE = 3_600_000;
/** How often an mbox that is replaced while it is being locked is opened again. */
const REOPENED = 5;

/**
 * Locks a mailbox.
 *
 * @returns undefined when there is no mbox and none is to be made
 * @throws MboxError with fault `busy` when the lock did not come in time, other faults as they are met
 */
export async function lockMailbox(
  paths: MailboxPaths,
  options: LockOptions,
): Promise<LockedMailbox | undefined> {
  const { clock, timeout } = options;
  const deadline = clock.now() + timeout;
  const endTurn = await takeTurn(paths.mbox, timeout, clock);
  if (endTurn === undefined) throw busy(paths);
  let locked: LockedMailbox | undefined;
  try {
    const got = await pollForLock(paths, options, deadline);
    if (got === "no mbox") return undefined;
    locked = got;
  } catch (error) {
    throw asMboxError(paths.mbox, error);
  } finally {
    if (locked === undefined) endTurn();
  }
  const box = locked;
  return {
    ...box,
    async release() {
      try {
        await box.release();
      } finally {
        endTurn();
      }
    },
  };
}

async function pollForLock(
  paths: MailboxPaths,
  options: LockOptions,
  deadline: number,
): Promise<LockedMailbox | "no mbox"> {
  const { clock } = options;
  let pause = PAUSE.first;
  // The clock's timers do not keep a process alive, and a command that waits for a lock must not end for want of one.
  const alive = setInterval(() => undefined, ALIVE);
  try {
    for (;;) {
      const got = await tryLock(paths, options);
      if (got !== undefined) return got;
      const left = deadline - clock.now();
      if (left <= 0) throw busy(paths);
      await delay(clock, Math.min(pause, left));
      pause = Math.min(pause * PAUSE.growth, PAUSE.longest);
    }
  } finally {
    clearInterval(alive);
  }
}

/** One try; undefined when somebody has the lock. */
async function tryLock(
  paths: MailboxPaths,
  options: LockOptions,
): Promise<LockedMailbox | "no mbox" | undefined> {
  const { clock, log, fileSystem = nodeFileSystem, mode = MBOX_MODE } = options;
  const create = options.create === true ? mode : undefined;
  const parts: DotlockParts = { fileSystem, clock, log };
  const { diedBefore } = options;
  if (create === undefined && !(await exists(fileSystem, paths.mbox))) return "no mbox";
  if (create !== undefined && paths.folder !== undefined) await makeMailboxFolder(paths.folder, fileSystem);
  const take = () => (options.dotlock === "if possible" ? dotlockIfPossible : takeDotlock)(paths, parts);
  let dotlock = await take();
  if (dotlock === undefined) {
    const of = diedBefore === undefined ? parts : { ...parts, diedBefore };
    if (!(await breakStaleDotlock(paths, create, of))) return undefined;
    dotlock = await take();
    if (dotlock === undefined) return undefined;
  }
  let file: FileHandle | "no mbox" | undefined;
  try {
    file = await openAndLock(paths, create, dotlock, fileSystem);
    if (file === "no mbox" || file === undefined) return file;
    await mendMailbox({ paths, file, fileSystem, log });
    const box = lockedMailbox(paths, file, dotlock, parts);
    dotlock = undefined;
    return box;
  } finally {
    if (dotlock !== undefined) {
      if (typeof file === "object") await file.close();
      await dotlock.release();
    }
  }
}

/** The dotlock, or nothing in its place where the folder does not take one. */
async function dotlockIfPossible(paths: MailboxPaths, parts: DotlockParts): Promise<Dotlock | undefined> {
  try {
    return await takeDotlock(paths, parts);
  } catch (error) {
    if (!["EACCES", "EPERM", "EROFS"].includes(errnoOf(error) ?? "")) throw error;
    return { isOurs: () => Promise.resolve(true), release: () => Promise.resolve() };
  }
}

/** Opens the mbox and takes the kernel's lock on the file that is there once the lock is held. */
async function openAndLock(
  paths: MailboxPaths,
  create: number | undefined,
  dotlock: Dotlock,
  fileSystem: FileSystem,
): Promise<FileHandle | "no mbox" | undefined> {
  for (let tries = 0; tries < REOPENED; tries++) {
    const file = await openMbox(fileSystem, paths.mbox, create);
    if (file === undefined) return "no mbox";
    let keep = false;
    try {
      if (!tryKernelLock(file.fd)) return undefined;
      if (await isStillAt(fileSystem, paths.mbox, file)) {
        // Not ours any more: we were held up for so long that somebody broke it.
        if (!(await dotlock.isOurs())) return undefined;
        keep = true;
        return file;
      }
    } finally {
      if (!keep) await file.close();
    }
  }
  return undefined;
}

function lockedMailbox(
  paths: MailboxPaths,
  file: FileHandle,
  dotlock: Dotlock,
  { fileSystem, log }: DotlockParts,
): LockedMailbox {
  let released = false;
  return {
    paths,
    file,
    fileSystem,
    log,
    async release() {
      if (released) return;
      released = true;
      try {
        // The kernel's lock goes with the descriptor.
        await file.close();
      } finally {
        await dotlock.release();
      }
    },
  };
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

function busy(paths: MailboxPaths): MboxError {
  return new MboxError("busy", paths.mbox, "is locked by another program or session");
}
