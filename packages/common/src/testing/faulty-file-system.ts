/**
 * A file system that counts calls and lets a test make one of them fail, or stop the world at one of them.
 *
 * The calls are those of {@link FileSystem} and those of the handles that it opens; `close` and `stat` are not counted,
 * since they change nothing. Syncs are counted and not made: a process that dies needs none, and tests are to be fast.
 */
import type { FileHandle } from "node:fs/promises";
import type { FileSystem } from "../fs/file-system.ts";
import { nodeFileSystem } from "../fs/file-system.ts";

/** What is to go wrong. Calls count from 1. */
export interface Fault {
  /** The call that goes wrong. */
  readonly at: number;
  /**
   * - `fail`: it does nothing and fails; later calls work
   * - `short`: if it is a write, half of its bytes are written before it fails; else as `fail`
   * - `kill`: as `short`, and every call after it fails too, as if the process had died there
   */
  readonly how: "fail" | "short" | "kill";
  /** The errno code; ENOSPC unless told. */
  readonly code?: string;
}

/** A {@link FileSystem} that fails where it is told to. */
export interface FaultyFileSystem extends FileSystem {
  /** The counted calls so far, as `write mbox`. */
  readonly calls: readonly string[];
  /** Whether the fault has happened. */
  readonly struck: boolean;
  /** Closes what a killed process would have left to the kernel. */
  closeAll(): Promise<void>;
}

/** The handle calls that change the file or depend on it. */
const COUNTED = new Set(["read", "write", "truncate", "sync", "datasync", "chmod"]);

/**
 * Wraps a file system.
 *
 * @param fault what goes wrong; undefined to record only
 */
export function faultyFileSystem(fault?: Fault, real: FileSystem = nodeFileSystem): FaultyFileSystem {
  const calls: string[] = [];
  const handles = new Set<FileHandle>();
  let dead = false;
  let struck = false;
  const failure = () => {
    const code = dead && struck ? "EIO" : (fault?.code ?? "ENOSPC");
    return Object.assign(new Error(`${code}: injected`), { code });
  };
  /** Counts a call, and says whether it is to fail. */
  const strikes = (name: string, path: string): boolean => {
    if (dead) return true;
    calls.push(`${name} ${path.slice(path.lastIndexOf("/") + 1)}`);
    if (calls.length !== fault?.at) return false;
    struck = true;
    dead = fault.how === "kill";
    return true;
  };
  const counted = async <T>(name: string, path: string, call: () => Promise<T>): Promise<T> => {
    if (strikes(name, path)) throw failure();
    return await call();
  };
  const wrap = (file: FileHandle, path: string): FileHandle => {
    handles.add(file);
    return new Proxy(file, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        if (key === "close") return () => (dead ? Promise.resolve() : target.close());
        if (typeof key !== "string" || !COUNTED.has(key)) return value.bind(target);
        return async (...args: unknown[]) => {
          const strike = strikes(key, path);
          if (!strike && (key === "sync" || key === "datasync")) return;
          if (!strike) return await (value.apply(target, args) as Promise<unknown>);
          if (key === "write" && fault?.how !== "fail" && calls.length === fault?.at) {
            const [bytes, offset, length, position] = args as [Buffer, number, number, number];
            await target.write(bytes, offset, length >> 1, position);
          }
          throw failure();
        };
      },
    });
  };
  return {
    calls,
    get struck() {
      return struck;
    },
    open: (path, flags, mode) =>
      counted("open", path, async () => wrap(await real.open(path, flags, mode), path)),
    stat: (path) => real.stat(path),
    lstat: (path) => real.lstat(path),
    mkdir: (path) => counted("mkdir", path, () => real.mkdir(path)),
    rmdir: (path) => counted("rmdir", path, () => real.rmdir(path)),
    unlink: (path) => counted("unlink", path, () => real.unlink(path)),
    rename: (from, to) => counted("rename", from, () => real.rename(from, to)),
    readdir: (path) => real.readdir(path),
    async closeAll() {
      for (const file of handles) if (file.fd >= 0) await file.close();
      handles.clear();
    },
  };
}
