/**
 * Before root becomes the queue's owner to transfer messages: the folder, and the queue files in it, are given to that owner,
 * who could else neither read Sendmail's files nor mark them.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { errnoOf, messageOf, UserError } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { EX_CANTCREAT } from "@mailhost/common/sysexits";

/** Files of messages: Sendmail's, and those of an export. */
const QUEUE_FILE = /^(?:[qhd]f[0-9A-Za-z]{8,16}|[0-9A-Za-z]{1,32}\.(?:eml|json))$/;

/**
 * Gives a folder to the owner of the site's queue. Does nothing unless this is root and the queue is another user's.
 *
 * @param make makes the folder when it is missing
 * @throws UserError when the folder cannot be made or given
 */
export function handOver(site: Site, folder: string, make: boolean): void {
  if (process.getuid?.() !== 0) return;
  const owner = statSync(site.queueDir, { throwIfNoEntry: false });
  if (owner === undefined || owner.uid === 0) return;
  try {
    if (make) mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const part of [folder, join(folder, "qf"), join(folder, "df")]) give(part, owner);
  } catch (error) {
    throw new UserError(
      `${folder}: cannot be given to the owner of the queue: ${messageOf(error)}`,
      EX_CANTCREAT,
      {
        cause: error,
      },
    );
  }
}

/** Gives a folder and its queue files; one that is not there is left to whoever uses it. */
function give(folder: string, owner: { readonly uid: number; readonly gid: number }): void {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return;
    throw error;
  }
  for (const name of names) if (QUEUE_FILE.test(name)) chownFile(join(folder, name), owner);
  chownFile(folder, owner);
}

/** Never through a link: whoever may write the folder must not choose what is given away. */
function chownFile(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const found = fstatSync(fd);
    if (found.isDirectory() || (found.isFile() && found.nlink === 1)) fchownSync(fd, uid, gid);
  } finally {
    closeSync(fd);
  }
}
