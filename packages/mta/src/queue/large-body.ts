/**
 * Messages over 64 KiB: one file each, written as the message comes in: copied into large writes, one of them under way
 * while the next is gathered. What a write failed with is told by the next step.
 *
 * A file is made exclusively with mode 0600 and is part of the queue only once an entry names it; file and folder are
 * synced before that entry is committed. Files that are finished side by side share the sync of their folder.
 *
 * What may wait for the disk is a turn of the thread pool; each costs the event loop more than the call itself, so what the
 * kernel knows by heart is asked for at once.
 */
import { closeSync, fdatasync, fstatSync, fsync, open as openFile, statSync, writev } from "node:fs";
import { open, readdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { GATHERED, GatherMemory } from "./gather-memory.ts";
import { QueueError } from "./queue-error.ts";
import { isQueueId } from "./queue-id.ts";

/** The calls that a df file needs; tests pass one whose calls fail. */
export interface DfFileSystem {
  open(path: string, flags: string, mode?: number): Promise<DfHandle>;
  rm(path: string): Promise<void>;
}

/** An open df file or its folder. */
export interface DfHandle {
  readonly fd: number;
  writev(pieces: readonly Buffer[]): Promise<{ readonly bytesWritten: number }>;
  datasync(): Promise<void>;
  sync(): Promise<void>;
  /** Writes nothing: what is to stay was synced before. */
  close(): Promise<void>;
}

/** The real file system; `rm` takes a file that is not there for removed. */
export const nodeDfFileSystem: DfFileSystem = {
  open: async (path, flags, mode) => handleOf(await calls.open(path, flags, mode)),
  rm: (path) =>
    unlink(path).catch((error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
    }),
};

const calls = {
  open: promisify(openFile),
  writev: promisify(writev),
  datasync: promisify(fdatasync),
  sync: promisify(fsync),
};

function handleOf(fd: number): DfHandle {
  return {
    fd,
    writev: (pieces) => calls.writev(fd, pieces),
    datasync: () => calls.datasync(fd),
    sync: () => calls.sync(fd),
    close: async () => closeSync(fd),
  };
}

/** Octets read at once. */
const PIECE = 64 * 1024;
/** Where what comes in is gathered: one write's octets while those of the one before are being written, of each message. */
const memory = new GatherMemory();

/** A df file on its way in. */
export interface DfWriter {
  /** Takes a copy of a piece. Resolves when more may come: a slow disk slows the sender down. */
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
 * Makes the df file of a message. Resolves at once: it is being made while its first pieces are gathered.
 *
 * The methods of what is returned throw a QueueError with the system's code (`ENOSPC`, `EDQUOT`, `EFBIG`, `EIO`).
 */
export async function createDf(dir: string, id: string, fs: DfFileSystem): Promise<DfWriter> {
  const path = join(dir, id);
  /** Absent before it is made, and when it could not be: then there is nothing of ours to remove. */
  let handle: DfHandle | undefined;
  let open = true;
  /** What is gathered, and how much of it. Each write is a turn of the thread pool. */
  let gathering: Buffer | undefined;
  let gathered = 0;
  let fault: { readonly cause: unknown } | undefined;
  const failed = (cause: unknown) => {
    fault ??= { cause };
  };
  /** The call under way; it never rejects. */
  let busy: Promise<void> = fs.open(path, "wx", 0o600).then((made) => {
    handle = made;
  }, failed);

  /** Resolves with the file when no call is under way. A descriptor that was closed may be another file's by now. */
  const written = async (): Promise<DfHandle> => {
    await busy;
    if (fault !== undefined) throw fault.cause;
    if (!open || handle === undefined) throw new Error("the file is closed");
    return handle;
  };
  const writeGathered = async () => {
    const file = await written();
    const piece = gathering;
    if (piece === undefined) return;
    const batch = piece.subarray(0, gathered);
    gathering = undefined;
    gathered = 0;
    busy = writeWhole(file, batch)
      .catch(failed)
      .then(() => memory.giveBack(piece));
  };
  const close = async () => {
    if (!open) return;
    open = false;
    await busy;
    if (gathering !== undefined) memory.giveBack(gathering);
    gathering = undefined;
    memory.leave();
    await handle?.close();
  };
  memory.enter();
  return {
    async write(chunk) {
      for (let from = 0; from < chunk.length; ) {
        // What could not be written stays gathered, and is told again.
        if (!open || gathered === GATHERED) await attempt(path, writeGathered);
        gathering ??= memory.take();
        const copied = chunk.copy(gathering, gathered, from);
        from += copied;
        gathered += copied;
        if (gathered === GATHERED) await attempt(path, writeGathered);
      }
    },
    finish: () =>
      attempt(path, async () => {
        await writeGathered();
        const file = await written();
        busy = file.datasync().catch(failed);
        await written();
        if (fstatSync(file.fd).nlink === 0) throw new Error("the file was removed while it was written");
        // The folder after the file: a journal that has just committed the one has the other's name in it.
        await close();
        await syncFolder(dir, fs);
      }),
    async discard() {
      // The file goes whatever closing it says.
      await close().catch(() => undefined);
      if (handle !== undefined) await fs.rm(path);
    },
  };
}

/** A short write is no error to the system; the rest is written again, and then it says what is wrong. */
async function writeWhole(handle: DfHandle, bytes: Buffer): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.writev([bytes.subarray(done)]);
    done += bytesWritten;
  }
}

/** The folders whose syncs are shared. */
const folderSyncs = new WeakMap<DfFileSystem, Map<string, FolderSyncs>>();

/** Resolves when the names that the folder has now are on stable storage. */
function syncFolder(dir: string, fs: DfFileSystem): Promise<void> {
  const folders = folderSyncs.get(fs) ?? new Map<string, FolderSyncs>();
  folderSyncs.set(fs, folders);
  const syncs = folders.get(dir) ?? new FolderSyncs(dir, fs);
  folders.set(dir, syncs);
  return syncs.sync();
}

/** The syncs of one folder. One that is under way may have missed a new name; the next one is for all who ask until it begins. */
class FolderSyncs {
  readonly #dir: string;
  readonly #fs: DfFileSystem;
  /** Resolves when the one under way is over, however it ended. */
  #underWay: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(dir: string, fs: DfFileSystem) {
    this.#dir = dir;
    this.#fs = fs;
  }

  sync(): Promise<void> {
    if (this.#underWay === undefined) return this.#start();
    this.#next ??= this.#underWay.then(() => {
      this.#next = undefined;
      return this.#start();
    });
    return this.#next;
  }

  #start(): Promise<void> {
    const syncing = this.#sync();
    const over = syncing
      .catch(() => undefined)
      .then(() => {
        if (this.#underWay === over) this.#underWay = undefined;
      });
    this.#underWay = over;
    return syncing;
  }

  async #sync(): Promise<void> {
    const folder = await this.#fs.open(this.#dir, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
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
export function dfFault(dir: string, id: string, size: number): string | undefined {
  const path = join(dir, id);
  try {
    const found = statSync(path);
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
