/**
 * Opens an mbox and makes sure that it is what it looks like: a plain file with one name.
 *
 * A link, a pipe, a folder or a second name in the spool could make the mail host write where a user wants and not
 * where mail belongs; all are refused.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { syncFolder } from "../fs/whole-io.ts";
import { MboxError } from "./mbox-error.ts";

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
const FLAGS = O_RDWR | O_NOFOLLOW | O_NONBLOCK;

/** Owner and group (mail) read and write, as every program on a mail spool expects. */
export const MBOX_MODE = 0o660;

/**
 * Opens the mbox for reading and writing.
 *
 * @param create permissions of a new file, made durably when there is none; undefined to make none
 * @returns undefined when there is none and none is to be made
 * @throws MboxError with fault `not-a-file`; errors of the system as they are
 */
export async function openMbox(
  fileSystem: FileSystem,
  path: string,
  create: number | undefined,
): Promise<FileHandle | undefined> {
  for (;;) {
    const file = (await openExisting(fileSystem, path)) ?? (await makeNew(fileSystem, path, create));
    if (file === "lost the race") continue;
    if (file === undefined) return undefined;
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw notAFile(path, "is not a plain file");
      if (stat.nlink > 1) throw notAFile(path, `has ${stat.nlink} names`);
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }
}

/** Whether the open file is still what `path` leads to; another program may have put a new file there. */
export async function isStillAt(fileSystem: FileSystem, path: string, file: FileHandle): Promise<boolean> {
  const held = await file.stat();
  try {
    const found = await fileSystem.lstat(path);
    return found.ino === held.ino && found.dev === held.dev;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

async function openExisting(fileSystem: FileSystem, path: string): Promise<FileHandle | undefined> {
  try {
    return await fileSystem.open(path, FLAGS);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") return undefined;
    if (errno === "ELOOP") throw notAFile(path, "is a symbolic link");
    if (errno === "EISDIR") throw notAFile(path, "is a folder");
    if (errno === "ENXIO") throw notAFile(path, "is a socket or a device");
    throw error;
  }
}

async function makeNew(
  fileSystem: FileSystem,
  path: string,
  mode: number | undefined,
): Promise<FileHandle | undefined | "lost the race"> {
  if (mode === undefined) return undefined;
  let file: FileHandle;
  try {
    file = await fileSystem.open(path, FLAGS | O_CREAT | O_EXCL, mode);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return "lost the race";
    throw error;
  }
  try {
    // The umask may have taken permissions away.
    await file.chmod(mode);
    await syncFolder(fileSystem, dirname(path));
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function notAFile(path: string, reason: string): MboxError {
  return new MboxError("not-a-file", path, reason);
}
