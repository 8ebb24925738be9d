/**
 * The folder of bulletins, as Qpopper keeps it: a file a bulletin, named `NNN.what-it-is-about`, or with groups
 * `NNN.group.what-it-is-about`. Names that do not begin with a digit are something else.
 *
 * The list is read again when the folder has changed: nearly every login costs one stat(2).
 */
import { readdir, stat } from "node:fs/promises";
import { errnoOf } from "@mailhost/common/errors";

/** A bulletin by its file's name. */
export interface BulletinName {
  readonly number: number;
  /** The part between the first dot and the second; undefined when the name has no dot. */
  readonly group: string | undefined;
  /** The file's name. */
  readonly file: string;
}

/** All bulletins, always current. */
export interface BulletinFolder {
  /** In the order of their numbers, those with the same number by name. A folder that is not there has none. */
  list(): Promise<readonly BulletinName[]>;
}

/** A folder changed this instant may change again within the same tick of the file system's clock, ms. */
const SETTLED = 50;
/** Digits of a number: as many as a `long` of Qpopper's has, and numbers stay exact. */
const NAME = /^(\d{1,15})(?:\.([^.]*))?/;

/** Follows a folder. Rejects in its functions with errors of the system other than that it is not there. */
export function followBulletinFolder(folder: string): BulletinFolder {
  let seen = "";
  let known: readonly BulletinName[] = [];
  return {
    async list() {
      const mark = await markOf(folder);
      if (mark.signature === seen) return known;
      known = mark.absent ? [] : await read(folder);
      seen = Math.abs(Date.now() - mark.changedAt) < SETTLED ? "" : mark.signature;
      return known;
    },
  };
}

async function read(folder: string): Promise<BulletinName[]> {
  const names: BulletinName[] = [];
  for (const file of await readdir(folder)) {
    const [, digits, group] = NAME.exec(file) ?? [];
    if (digits !== undefined) names.push({ number: Number(digits), group, file });
  }
  return names.sort((a, b) => a.number - b.number || (a.file < b.file ? -1 : 1));
}

async function markOf(folder: string): Promise<{ signature: string; changedAt: number; absent: boolean }> {
  try {
    const { ino, mtimeMs, ctimeMs } = await stat(folder);
    return { signature: [ino, mtimeMs, ctimeMs].join("."), changedAt: ctimeMs, absent: false };
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    return { signature: "-", changedAt: 0, absent: true };
  }
}
