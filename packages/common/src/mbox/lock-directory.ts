/**
 * The file calls that proper-lockfile makes, less one danger: it removes its lock directory by name, and after a pause
 * in which somebody broke the lock and took it anew, that name leads to the other's lock. Here a directory is removed
 * only while it is the one that was made.
 */
import type { Stats } from "node:fs";
import * as fs from "node:fs";

interface Made {
  readonly stats: Stats;
  /** The time that was last put on it, ms. */
  stamp: number;
  /** The journal of the mailbox. */
  readonly journal: string;
}

/** Lock directories of this process, by path. */
const directories = new Map<string, Made>();

/**
 * Notes that the directory at `path` is ours; `stats` are those of right after it was made.
 *
 * @param journal of the mailbox that it locks
 */
export function ownDirectory(path: string, stats: Stats, journal: string): void {
  directories.set(path, { stats, stamp: stats.mtimeMs, journal });
}

/** Forgets it. */
export function disownDirectory(path: string): void {
  directories.delete(path);
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
export function hasUnfinishedChange(path: string): boolean {
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
export const lockDirectoryCalls = {
  mkdir: fs.mkdir,
  stat: fs.stat,
  utimes(path: string, accessed: Date, modified: Date, done: fs.NoParamCallback): void {
    fs.utimes(path, accessed, modified, (error) => {
      const made = directories.get(path);
      if (error === null && made !== undefined) made.stamp = modified.getTime();
      done(error);
    });
  },
  /** A change that failed half way stays for others to finish: the directory stays with it, see {@link hasUnfinishedChange}. */
  rmdir(path: string, done: fs.NoParamCallback): void {
    if (hasUnfinishedChange(path)) {
      done(null);
      return;
    }
    fs.lstat(path, (error, now) => {
      if (error !== null) done(error);
      else if (mayRemove(path, now)) fs.rmdir(path, done);
      else done(null);
    });
  },
  /** At the end of the process; likewise. */
  rmdirSync(path: string): void {
    if (hasUnfinishedChange(path)) return;
    if (mayRemove(path, fs.lstatSync(path))) fs.rmdirSync(path);
  },
};
