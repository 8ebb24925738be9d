/**
 * Whether a list's file may be believed: Sendmail's rules (safefile, DontBlameSendmail=Safe), in Sendmail's words.
 *
 * Nobody but its owner may be able to change the file or to put another in its place: neither the file nor a folder on the way
 * to it is writable by group or world, and it is a regular file. A `.forward` is the user's own or root's. Symbolic and hard
 * links are fine under these rules. Whoever it is read for must be allowed to read it, and to go through the folders to where
 * it really is, whoever we are: a user's list must not show that user what only we can see.
 */
import { constants, type Stats } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileSystem } from "@mailhost/common/fs/file-system";

/** The file calls of this folder. */
export type ListFileSystem = Pick<FileSystem, "open" | "stat"> & {
  realpath(path: string): Promise<string>;
};

/** Adds what a {@link FileSystem} lacks. */
export function listFileSystem(fs: FileSystem): ListFileSystem {
  return { open: (...a) => fs.open(...a), stat: (path) => fs.stat(path), realpath: (path) => realpath(path) };
}

/** On whose behalf a file is read. */
export interface Reader {
  readonly uid: number;
  readonly gid?: number;
  /** Whether it is in a group besides its own; absent: in none. */
  isIn?(gid: number): boolean;
}

const GROUP_WRITABLE = 0o020;
const STICKY = 0o1000;
const WORLD_WRITABLE = 0o002;

/**
 * What is wrong with a folder on the way to a file, or undefined. Rejects as stat(2) does.
 *
 * @param trusted owners of a folder below a sticky one such as /tmp, where nobody else can put another in its place
 */
export async function folderFault(
  path: string,
  trusted: ReadonlySet<number>,
  fs: ListFileSystem,
): Promise<string | undefined> {
  const folder = dirname(path);
  const real = await fs.realpath(folder);
  for (const way of real === folder ? [folder] : [folder, real]) {
    const folders = ancestors(way);
    const found = await Promise.all(folders.map((each) => fs.stat(each)));
    for (const [i, { mode }] of found.entries()) {
      const below = found[i + 1];
      if ((mode & STICKY) !== 0 && below !== undefined && trusted.has(below.uid)) continue;
      if ((mode & WORLD_WRITABLE) !== 0) return "World writable directory";
      if ((mode & GROUP_WRITABLE) !== 0) return "Group writable directory";
    }
  }
  return undefined;
}

/** Whether somebody may go through all folders on the way to a file, by its name and by where its links lead. */
export async function mayReach(path: string, who: Reader, fs: ListFileSystem): Promise<boolean> {
  if (who.uid === 0) return true;
  const folders = new Set([path, await fs.realpath(path)].flatMap((each) => ancestors(dirname(each))));
  const found = await Promise.all([...folders].map((each) => fs.stat(each)));
  return found.every((folder) => isAllowed(folder, who, 0o1));
}

/** What is wrong with the file itself, or undefined. */
export function fileFault(found: Stats, who: Reader | undefined, owned: boolean): string | undefined {
  if (!found.isFile()) return "Regular files only";
  if ((found.mode & GROUP_WRITABLE) !== 0) return "Group writable file";
  if ((found.mode & WORLD_WRITABLE) !== 0) return "World writable file";
  if (who === undefined) return undefined;
  if (owned && found.uid !== who.uid && found.uid !== 0) return "Permission denied";
  return isAllowed(found, who, 0o4) ? undefined : "Permission denied";
}

/** How a file is opened: what is no regular file must not keep us waiting. */
export const LIST_OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** @param right 4 to read, 1 to go through a folder */
function isAllowed({ mode, uid, gid }: Stats, who: Reader, right: 4 | 1): boolean {
  if (who.uid === 0) return true;
  if (uid === who.uid) return (mode & (right << 6)) !== 0;
  if (gid === who.gid) return (mode & (right << 3)) !== 0;
  // Most often everybody may, and the list of groups need not be read.
  if ((mode & right) !== 0 && (mode & (right << 3)) !== 0) return true;
  return (mode & (who.isIn?.(gid) === true ? right << 3 : right)) !== 0;
}

/** `/`, `/home`, `/home/joe`. */
function ancestors(folder: string): string[] {
  const all: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    all.unshift(at);
    if (at === dirname(at)) return all;
  }
}
