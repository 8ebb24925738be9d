/**
 * The machine's own files by synchronous calls, for a thread that does nothing else: a call costs what the system takes for it
 * and not three times as much for its way to the thread pool and back.
 *
 * Only what waits for the disk goes through the thread pool (fsync, fdatasync), so that the thread does other work meanwhile. It never
 * takes the whole pool.
 * Promises are answered at once; errors are Node's own, as with the asynchronous calls.
 */
import * as fs from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { promisify } from "node:util";
import type { FileSystem } from "./file-system.ts";

const fsync = promisify(fs.fsync);
const fdatasync = promisify(fs.fdatasync);

/** The pool is the whole process's, and one of its threads stays free for others: a commit of the queue, a look-up. */
const MOST_SYNCS = Math.max(1, (Number(process.env.UV_THREADPOOL_SIZE ?? 4) || 4) - 1);

let syncing = 0;
const waiting: (() => void)[] = [];

/** Syncs when it has its turn. */
async function inTurn(sync: (fd: number) => Promise<void>, fd: number): Promise<void> {
  if (syncing < MOST_SYNCS) syncing++;
  else await new Promise<void>((turn) => waiting.push(turn));
  try {
    await sync(fd);
  } finally {
    const next = waiting.shift();
    // It takes the turn over.
    if (next === undefined) syncing--;
    else next();
  }
}

/** Makes a promise of a synchronous call. */
function done<T>(call: () => T): Promise<T> {
  try {
    return Promise.resolve(call());
  } catch (error) {
    return Promise.reject(error);
  }
}

/** As much of Node's handle as the mbox code uses. */
class SyncFile {
  #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The descriptor; -1 once it is closed, as Node's. */
  get fd(): number {
    return this.#fd;
  }

  read(buffer: Buffer, offset: number, length: number, position: number) {
    return done(() => ({ bytesRead: fs.readSync(this.#fd, buffer, offset, length, position), buffer }));
  }

  write(buffer: Buffer, offset: number, length: number, position: number) {
    return done(() => ({ bytesWritten: fs.writeSync(this.#fd, buffer, offset, length, position), buffer }));
  }

  stat() {
    return done(() => fs.fstatSync(this.#fd));
  }

  truncate(length: number) {
    return done(() => fs.ftruncateSync(this.#fd, length));
  }

  chmod(mode: number) {
    return done(() => fs.fchmodSync(this.#fd, mode));
  }

  chown(uid: number, gid: number) {
    return done(() => fs.fchownSync(this.#fd, uid, gid));
  }

  sync() {
    return inTurn(fsync, this.#fd);
  }

  datasync() {
    return inTurn(fdatasync, this.#fd);
  }

  close() {
    const fd = this.#fd;
    if (fd < 0) return Promise.resolve();
    this.#fd = -1;
    return done(() => fs.closeSync(fd));
  }
}

/** Opens a file by a synchronous call; its handle takes {@link FileSystem}'s calls. */
function open(path: string, flags: number, mode?: number): Promise<FileHandle> {
  return done(() => new SyncFile(fs.openSync(path, flags, mode)) as unknown as FileHandle);
}

/** See the file's comment. */
export const syncFileSystem: FileSystem = {
  synchronous: true,
  open,
  stat: (path) => done(() => fs.statSync(path)),
  lstat: (path) => done(() => fs.lstatSync(path)),
  mkdir: (path) =>
    done(() => {
      fs.mkdirSync(path, { recursive: true, mode: 0o750 });
    }),
  rmdir: (path) => done(() => fs.rmdirSync(path)),
  unlink: (path) => done(() => fs.unlinkSync(path)),
  rename: (from, to) => done(() => fs.renameSync(from, to)),
  readdir: (path) => done(() => fs.readdirSync(path)),
};
