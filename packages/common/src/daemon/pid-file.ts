/**
 * Files that hold a process id and, by a lock of the kernel, the proof that it lives.
 *
 * The lock is an open-file-description lock: it lasts until the last process that has the descriptor is gone, so no
 * crash leaves it behind, and a child that is given the descriptor holds it beyond its parent's end.
 */
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { createRequire } from "node:module";

/** The one call that we use of a library that comes without types: a write lock on the whole file, or false. */
const locks = createRequire(import.meta.url)("fs-native-extensions") as { tryLock(fd: number): boolean };

/** A locked pid file. */
export interface PidFile {
  readonly path: string;
  /** The descriptor that carries the lock; may be inherited by a child. */
  readonly fd: number;
  /** Writes the number of a process into it. */
  write(pid: number): void;
  /** Empties it: the process is gone, the lock stays. */
  clear(): void;
  /** Empties and removes the file and gives up our part of the lock. */
  release(): void;
}

/** Somebody else has it. */
export interface PidFileHolder {
  /** The number in the file; undefined when there is none yet. */
  readonly heldBy: number | undefined;
}

/**
 * Opens and locks a pid file.
 *
 * @returns the file, or who has it
 * @throws the system's error when the file cannot be made
 */
export function lockPidFile(path: string): PidFile | PidFileHolder {
  for (;;) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o644);
    if (!locks.tryLock(fd)) {
      const heldBy = readPid(fd);
      closeSync(fd);
      return { heldBy };
    }
    // The one who had it may have removed it between our open and our lock: then we hold a file that nobody sees.
    if (isStillAt(path, fd)) return pidFile(path, fd);
    closeSync(fd);
  }
}

function pidFile(path: string, fd: number): PidFile {
  let open = true;
  return {
    path,
    fd,
    write(pid) {
      if (!open) return;
      ftruncateSync(fd, 0);
      writeSync(fd, `${pid}\n`, 0);
    },
    clear() {
      if (!open) return;
      ftruncateSync(fd, 0);
    },
    release() {
      if (!open) return;
      open = false;
      ftruncateSync(fd, 0);
      try {
        unlinkSync(path);
      } catch {
        // Below /run the folder belongs to root, and we may have become somebody else: an empty file says the same.
      }
      closeSync(fd);
    },
  };
}

function isStillAt(path: string, fd: number): boolean {
  const ours = fstatSync(fd);
  const there = statSync(path, { throwIfNoEntry: false });
  return there !== undefined && there.ino === ours.ino && there.dev === ours.dev;
}

function readPid(fd: number): number | undefined {
  const text = Buffer.alloc(32);
  const pid = Number.parseInt(text.toString("latin1", 0, readSync(fd, text, 0, text.length, 0)), 10);
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
}
