/**
 * The file `…-gate` beside an LMDB data file; gate.ts tells what it is for. It stays where it is and is never written.
 */
import { constants, fchownSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** Who cannot make it for one of these reasons goes without, and tries again: mail goes on when a disk is full. */
const TRY_AGAIN = ["EACCES", "EPERM", "EROFS", "ENOENT", "ENOSPC", "EDQUOT"];

/**
 * Opens the file, making it when it is missing.
 *
 * @param path the data file
 * @returns its descriptor; undefined where there is none and none can be made now
 * @throws with the system's code
 */
export function openGateFile(path: string): number | undefined {
  const name = `${path}-gate`;
  try {
    return openThere(name) ?? makeFile(name) ?? openThere(name);
  } catch (error) {
    if (TRY_AGAIN.includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

function openThere(name: string): number | undefined {
  try {
    return openSync(name, O_RDWR | O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** @returns undefined when somebody else has made it meanwhile */
function makeFile(name: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o660);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return undefined;
    throw error;
  }
  if (process.geteuid?.() === 0) giveToOwnerOfFolder(fd, dirname(name));
  return fd;
}

/** What root makes is whose the folder is: a daemon that is nobody special has to lock it. */
function giveToOwnerOfFolder(fd: number, folder: string): void {
  try {
    const { uid, gid } = statSync(folder);
    fchownSync(fd, uid, gid);
  } catch {
    // Root that may give nothing away runs everything as root.
  }
}
