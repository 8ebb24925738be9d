/**
 * Messages over 64 KiB: one `df/ID` file each, written as the message comes in.
 *
 * A file is made exclusively with mode 0600 and is part of the queue only once an entry names it; file and folder are
 * synced before that entry is committed.
 */
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { QueueError } from "./queue-error.ts";
import { isQueueId } from "./queue-id.ts";

/** The calls that a df file needs; tests pass one whose calls fail. */
export interface DfFileSystem {
  open(path: string, flags: string, mode?: number): Promise<DfHandle>;
  rm(path: string): Promise<void>;
}

/** An open df file or its folder. */
export type DfHandle = Pick<FileHandle, "write" | "read" | "datasync" | "sync" | "stat" | "close">;

/** The real file system. */
export const nodeDfFileSystem: DfFileSystem = { open, rm: (path) => rm(path, { force: true }) };

/** Octets read at once. */
const PIECE = 64 * 1024;

/** A df file on its way in. */
export interface DfWriter {
  write(chunk: Buffer): Promise<void>;
  /** Resolves when file and directory entry are on stable storage. */
  finish(): Promise<void>;
  /** Removes the file. */
  discard(): Promise<void>;
}

/** The df file of a message. */
export function dfPath(dir: string, id: string): string {
  return join(dir, id);
}

/**
 * Makes the df file of a message.
 *
 * @throws QueueError with the system's code (`ENOSPC`, `EDQUOT`, `EFBIG`, `EIO`), as its methods do
 */
export async function createDf(dir: string, id: string, fs: DfFileSystem): Promise<DfWriter> {
  const path = join(dir, id);
  const handle = await attempt(path, () => fs.open(path, "wx", 0o600));
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    await handle.close();
  };
  return {
    write: (chunk) => attempt(path, () => writeWhole(handle, chunk)),
    finish: () =>
      attempt(path, async () => {
        await handle.datasync();
        if ((await handle.stat()).nlink === 0) throw new Error("the file was removed while it was written");
        await close();
        await syncFolder(dir, fs);
      }),
    async discard() {
      // The file goes whatever closing it says.
      await close().catch(() => undefined);
      await fs.rm(path);
    },
  };
}

/** A short write is no error to the system; the rest is written again, and then it says what is wrong. */
async function writeWhole(handle: DfHandle, chunk: Buffer): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, done, chunk.length - done);
    done += bytesWritten;
  }
}

async function syncFolder(dir: string, fs: DfFileSystem): Promise<void> {
  const folder = await fs.open(dir, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function attempt<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw new QueueError(`${path}: ${messageOf(error)}`, errnoOf(error), { cause: error });
  }
}

/** Streams a df file from an offset on. Throws when it does not hold the octets that it should. */
export async function* readDf(dir: string, id: string, size: number, start: number): AsyncGenerator<Buffer> {
  const path = join(dir, id);
  if (start >= size) return;
  const handle = await open(path, "r");
  try {
    for (let at = start; at < size; ) {
      // A new buffer each time: the consumer may still hold the last one.
      const piece = Buffer.allocUnsafe(Math.min(PIECE, size - at));
      const { bytesRead } = await handle.read(piece, 0, piece.length, at);
      if (bytesRead === 0) throw new Error(`${path}: ends at ${at} of ${size} octets`);
      at += bytesRead;
      yield piece.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** Why a df file can not be delivered, or undefined when it is as it should be. */
export async function dfFault(dir: string, id: string, size: number): Promise<string | undefined> {
  const path = join(dir, id);
  try {
    const found = await stat(path);
    return found.size === size ? undefined : `${path} has ${found.size} octets instead of ${size}`;
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? `${path} is missing` : `${path}: ${messageOf(error)}`;
  }
}

/** Removes a df file that is done with. */
export function removeDf(dir: string, id: string, fs: DfFileSystem): Promise<void> {
  return fs.rm(join(dir, id));
}

/**
 * Removes df files that nobody wants and that are older than `before`: a crash left them.
 *
 * @param isWanted an entry names it, or somebody is writing it
 * @returns their ids
 */
export async function sweepDf(
  dir: string,
  before: number,
  isWanted: (id: string) => boolean,
  fs: DfFileSystem,
): Promise<string[]> {
  const swept: string[] = [];
  for (const name of await readdir(dir)) {
    if (!isQueueId(name) || isWanted(name)) continue;
    const found = await stat(join(dir, name)).catch(() => undefined);
    if (found === undefined || found.mtimeMs >= before) continue;
    await fs.rm(join(dir, name));
    swept.push(name);
  }
  return swept;
}
