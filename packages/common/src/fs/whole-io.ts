/**
 * Reads and writes that go on until all bytes have moved, and folders brought to stable storage.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";
import type { FileSystem } from "./file-system.ts";

/**
 * Reads until `into` is full or the file ends.
 *
 * @param position offset in the file, bytes
 * @returns bytes read; less than `into.length` only at the end of the file
 */
export async function readWhole(file: FileHandle, into: Buffer, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await file.read(into, done, into.length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/** Writes all of `data` at `position`, however little the system takes at a time. */
export async function writeWhole(file: FileHandle, data: Buffer, position: number): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const { bytesWritten } = await file.write(data, done, data.length - done, position + done);
    done += bytesWritten;
  }
}

/** Brings a folder's entries to stable storage, so that a file made in it is there after a power loss. */
export async function syncFolder(fileSystem: FileSystem, path: string): Promise<void> {
  const folder = await fileSystem.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * Makes a folder and those above it, durably: after a power loss it is there. Costs one look when it is there already.
 *
 * @throws errors of the system
 */
export async function makeFolder(fileSystem: FileSystem, path: string): Promise<void> {
  try {
    await fileSystem.stat(path);
    return;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  await makeFolder(fileSystem, dirname(path));
  try {
    await fileSystem.mkdir(path);
  } catch (error) {
    // Somebody else was faster, and may not have come so far as to sync it.
    if (errnoOf(error) !== "EEXIST") throw error;
  }
  await syncFolder(fileSystem, dirname(path));
}
