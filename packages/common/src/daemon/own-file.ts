/**
 * A file that a daemon will write once it is nobody special any more, in a folder where it may make none then, as /var/log.
 */
import { closeSync, constants, fchownSync, openSync } from "node:fs";
import type { Identity } from "./identity.ts";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY } = constants;

/**
 * Makes an empty file for the identity that we are about to take. One that is there already, a link included, is left as it is.
 *
 * @param identity undefined: we stay who we are, and can make it when it is needed
 * @returns whether it was made. Where not, whoever writes to it finds out why, and says so
 */
export function makeOwnFile(path: string, mode: number, identity: Identity | undefined): boolean {
  if (identity === undefined) return false;
  let fd: number;
  try {
    fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL, mode);
  } catch {
    return false;
  }
  try {
    fchownSync(fd, identity.uid, identity.gid);
  } finally {
    closeSync(fd);
  }
  return true;
}

/**
 * Gives a folder to somebody. One that is a link is not: whoever may write beside it could have made it lead anywhere.
 *
 * @throws errors of the file system, ELOOP or ENOTDIR for what is no folder
 */
export function giveFolder(path: string, { uid, gid }: Pick<Identity, "uid" | "gid">): void {
  const fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
  try {
    fchownSync(fd, uid, gid);
  } finally {
    closeSync(fd);
  }
}
