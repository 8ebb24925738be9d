/**
 * The file calls that proper-lockfile makes, less one danger: it removes its lock directory by name, and after a pause
 * in which somebody broke the lock and took it anew, that name leads to the other's lock. Here a directory is removed
 * only while it is the one that was made.
 *
 * The calls are made in the thread pool, or at once (see fs/sync-file-system.ts): the library is told of either by a callback.
 */
import type { Stats } from "node:fs";
import * as fs from "node:fs";

interface Made {
  readonly stats: Stats;
  /** The time that was last put on it, ms. */
  stamp: number;
  /** The journal of the mailbox. */
  readonly journal: string;
  /** It was left where it is, for the sake of an unfinished change. */
  isLeft?: boolean;
}

/** Lock directories of this thread, by path. */
const directories = new Map<string, Made>();

/** Directories that were just made, as they were then; undefined until they were looked at. */
const fresh = new Map<string, Stats | undefined>();

/**
 * Notes that the directory at `path`, which was just made, is ours.
 *
 * @param journal of the mailbox that it locks
 */
export function ownDirectory(path: string, journal: string): void {
  const stats = fresh.get(path);
  fresh.delete(path);
  if (stats !== undefined) directories.set(path, { stats, stamp: stats.mtimeMs, journal });
}

/** Forgets it. @returns whether it was left in its place, see {@link hasUnfinishedChange} */
export function disownDirectory(path: string): boolean {
  fresh.delete(path);
  const isLeft = directories.get(path)?.isLeft === true;
  directories.delete(path);
  return isLeft;
}

/**
 * Whether what stands at `path` now is the directory that was noted. An inode is soon used again, so the time of its
 * birth decides too; where the system knows none, the time that we put on it does.
 */
export function isOwnDirectory(path: string, now: Stats): boolean {
  const made = directories.get(path);
  if (made?.stats.ino !== now.ino || made.stats.dev !== now.dev) return false;
  const born = now.birthtimeMs !== 0 && now.birthtimeMs === made.stats.birthtimeMs;
  return born || Math.abs(now.mtimeMs - made.stamp) < 1;
}

function mayRemove(path: string, now: Stats): boolean {
  return !directories.has(path) || isOwnDirectory(path, now);
}

/**
 * Whether the mailbox that a directory of ours locks has a change that is left to others: the process ends, or a disk failed. The
 * directory must then stay, as after a kill, so that programs which heed only it keep out of the mbox until whoever breaks it
 * has finished the change.
 */
function hasUnfinishedChange(path: string): boolean {
  const journal = directories.get(path)?.journal;
  if (journal === undefined) return false;
  try {
    return (fs.statSync(journal, { throwIfNoEntry: false })?.size ?? 0) > 0;
  } catch {
    // Not to be known on a disk that fails: a lock too many is the lesser harm, and gets stale.
    return true;
  }
}

/** What proper-lockfile takes for its `fs`. */
export interface LockDirectoryCalls {
  mkdir(path: string, done: Done): void;
  stat(path: string, done: (error: Error | null, stats?: Stats) => void): void;
  utimes(path: string, accessed: Date, modified: Date, done: Done): void;
  /** A change that failed half way stays for others to finish: the directory stays with it, see {@link hasUnfinishedChange}. */
  rmdir(path: string, done: Done): void;
  /** At the end of the process; likewise. */
  rmdirSync(path: string): void;
}

type Done = (error: Error | null) => void;

/** By the thread pool. */
export const lockDirectoryCalls: LockDirectoryCalls = {
  mkdir(path, done) {
    fs.mkdir(path, (error) => {
      if (error === null) fresh.set(path, undefined);
      done(error);
    });
  },
  stat(path, done) {
    fs.stat(path, (error, stats) => {
      if (error === null) seen(path, stats);
      done(error, stats);
    });
  },
  utimes(path, accessed, modified, done) {
    fs.utimes(path, accessed, modified, (error) => {
      if (error === null) stamped(path, modified);
      done(error);
    });
  },
  rmdir(path, done) {
    if (leavesUnfinished(path)) {
      done(null);
      return;
    }
    fs.lstat(path, (error, now) => {
      if (error !== null) done(error);
      else if (mayRemove(path, now)) fs.rmdir(path, done);
      else done(null);
    });
  },
  rmdirSync(path) {
    if (!hasUnfinishedChange(path)) removeAtOnce(path);
  },
};

/** At once, while the caller waits. */
export const syncLockDirectoryCalls: LockDirectoryCalls = {
  mkdir(path, done) {
    atOnce(done, () => {
      fs.mkdirSync(path);
      fresh.set(path, undefined);
    });
  },
  stat(path, done) {
    atOnce(done, () => {
      const stats = fs.statSync(path);
      seen(path, stats);
      return stats;
    });
  },
  utimes(path, accessed, modified, done) {
    atOnce(done, () => {
      fs.utimesSync(path, accessed, modified);
      stamped(path, modified);
    });
  },
  rmdir(path, done) {
    atOnce(done, () => {
      if (!leavesUnfinished(path)) removeAtOnce(path);
    });
  },
  rmdirSync(path) {
    if (!hasUnfinishedChange(path)) removeAtOnce(path);
  },
};

function atOnce<T>(done: (error: Error | null, result?: T) => void, call: () => T): void {
  let result: T;
  try {
    result = call();
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, result);
}

function seen(path: string, stats: Stats): void {
  if (fresh.has(path)) fresh.set(path, stats);
}

function stamped(path: string, modified: Date): void {
  const made = directories.get(path);
  if (made !== undefined) made.stamp = modified.getTime();
}

/** As {@link hasUnfinishedChange}; what is left is said when it is given up. */
export function leavesUnfinished(path: string): boolean {
  if (!hasUnfinishedChange(path)) return false;
  const made = directories.get(path);
  if (made !== undefined) made.isLeft = true;
  return true;
}

function removeAtOnce(path: string): void {
  if (mayRemove(path, fs.lstatSync(path))) fs.rmdirSync(path);
}
