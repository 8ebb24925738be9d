/**
 * The file calls that the mbox code makes, as an interface, so that a test can make the n-th of them fail or stop the
 * world there. Production passes {@link nodeFileSystem}.
 *
 * Handles are Node's own; what a test puts in their place behaves as one.
 */
import type { Stats } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { lstat, mkdir, open, readdir, rename, rmdir, stat, unlink } from "node:fs/promises";

/** A dozen file calls. Each rejects with Node's error and its errno code. */
export interface FileSystem {
  /** Whether the calls are made at once, while the caller waits; see sync-file-system.ts. */
  readonly synchronous?: boolean;
  /** open(2); `flags` are those of `fs.constants`. */
  open(path: string, flags: number, mode?: number): Promise<FileHandle>;
  stat(path: string): Promise<Stats>;
  lstat(path: string): Promise<Stats>;
  /** Makes a folder and those above it; no error when it is there. */
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Names in a folder, in no particular order. */
  readdir(path: string): Promise<string[]>;
}

/** The machine's own files. */
export const nodeFileSystem: FileSystem = {
  open: (path, flags, mode) => open(path, flags, mode),
  stat: (path) => stat(path),
  lstat: (path) => lstat(path),
  mkdir: async (path) => {
    await mkdir(path, { recursive: true, mode: 0o750 });
  },
  rmdir: (path) => rmdir(path),
  unlink: (path) => unlink(path),
  rename: (from, to) => rename(from, to),
  readdir: (path) => readdir(path),
};
