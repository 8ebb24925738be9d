/**
 * A disk as the recorded calls leave it, and what is on it when the power goes: of each file what was there at its last sync, and names
 * only as far as their folder was synced behind them. What was not synced may be there, or not, or in part.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Random } from "../corpus/random.ts";
import { bytesOf, descriptorOf, type TracedCall } from "./strace-lines.ts";

type Change =
  | { readonly at: number; readonly bytes: Buffer; readonly ended: number }
  | { readonly length: number; readonly ended: number };

interface DiskFile {
  /** As it was at its last sync. */
  synced: Buffer;
  pending: Change[];
  /** Of the file as a running system sees it. */
  size: number;
}

/** A name given to a file, or taken away. */
interface NameChange {
  readonly path: string;
  readonly file: DiskFile | "folder" | undefined;
  readonly ended: number;
}

/** Bytes that a disk writes at a time. */
const PAGE = 4096;

/** What is kept of what was not synced: nothing, or any part of it. */
export type Survival = "nothing" | { readonly random: Random };

/** A disk below a folder. */
export class Disk {
  readonly #root: string;
  /** Names as a running system sees them. */
  readonly #names = new Map<string, DiskFile | "folder">();
  /** Names that are certain. */
  readonly #certain = new Map<string, DiskFile | "folder">();
  readonly #pending: NameChange[] = [];
  /** Positions and manners of open descriptors. */
  readonly #open = new Map<string, { position: number; append: boolean; durable: boolean }>();

  /** Takes all that is below `copy` for what is at `root`, and certain. */
  constructor(root: string, copy: string) {
    this.#root = root;
    const walk = (folder: string) => {
      for (const entry of readdirSync(join(copy, folder), { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) {
          this.#certain.set(join(root, path), "folder");
          walk(path);
        } else if (entry.isFile()) {
          const synced = readFileSync(join(copy, path));
          this.#certain.set(join(root, path), { synced, pending: [], size: synced.length });
        }
      }
    };
    walk("");
    for (const [path, file] of this.#certain) this.#names.set(path, file);
  }

  /** Makes a call; true when something is certain now that was not before. */
  apply(call: TracedCall): boolean {
    const [first = "", second = "", third = "", fourth = ""] = call.arguments;
    switch (call.name) {
      case "open":
      case "openat":
      case "creat":
        return this.#opened(call);
      case "write":
      case "pwrite64": {
        const at = call.name === "pwrite64" ? Number(fourth) : undefined;
        return this.#written(call, descriptorOf(first), [bytesOf(second).subarray(0, call.result)], at);
      }
      case "writev":
      case "pwritev": {
        const parts = [...second.matchAll(/iov_base=("(?:[^"\\]|\\.)*")/g)].map(([, text]) => bytesOf(text!));
        const at = call.name === "pwritev" ? Number(fourth) : undefined;
        return this.#written(call, descriptorOf(first), parts, at);
      }
      case "lseek": {
        const descriptor = descriptorOf(first);
        const open = descriptor && this.#open.get(`${call.process} ${descriptor.fd}<${descriptor.path}>`);
        if (open !== undefined) open.position = call.result;
        return false;
      }
      case "ftruncate":
        return this.#cut(call, descriptorOf(first)?.path, Number(second));
      case "truncate":
        return this.#cut(call, pathIn(first), Number(second));
      case "fsync":
      case "fdatasync":
        return this.#synced(call, descriptorOf(first)?.path);
      case "mkdir":
        return this.#named(call, pathIn(first), "folder");
      case "mkdirat":
        return this.#named(call, pathIn(second), "folder");
      case "rmdir":
      case "unlink":
        return this.#named(call, pathIn(first), undefined);
      case "unlinkat":
        return this.#named(call, pathIn(second), undefined);
      case "rename":
        return this.#renamed(call, pathIn(first), pathIn(second));
      case "renameat":
      case "renameat2":
        return this.#renamed(call, pathIn(second), pathIn(fourth));
      case "link":
        return this.#named(call, pathIn(second), this.#names.get(pathIn(first)));
      case "linkat":
        return this.#named(call, pathIn(fourth), this.#names.get(pathIn(second)));
      default:
        throw new Error(`a call that the recorder does not know: ${call.name}(${third})`);
    }
  }

  #isHere(path: string | undefined): path is string {
    return path?.startsWith(`${this.#root}/`) === true;
  }

  #opened(call: TracedCall): boolean {
    const { resultPath: path } = call;
    if (!this.#isHere(path)) return false;
    const flags = call.arguments.find((argument) => /\bO_\w+/.test(argument)) ?? "";
    if (flags.includes("O_DIRECTORY") || this.#names.get(path) === "folder") return false;
    let file = this.#names.get(path);
    if (file === undefined && flags.includes("O_CREAT")) {
      file = { synced: Buffer.alloc(0), pending: [], size: 0 };
      this.#named(call, path, file);
    }
    if (flags.includes("O_TRUNC")) this.#cut(call, path, 0);
    const durable = /\bO_D?SYNC\b/.test(flags);
    this.#open.set(`${call.process} ${call.result}<${path}>`, {
      position: 0,
      append: flags.includes("O_APPEND"),
      durable,
    });
    return false;
  }

  #file(path: string): DiskFile {
    const file = this.#names.get(path);
    if (file === undefined || file === "folder") throw new Error(`${path} is written and was never opened`);
    return file;
  }

  #written(
    call: TracedCall,
    descriptor: { readonly fd: number; readonly path: string } | undefined,
    parts: readonly Buffer[],
    at: number | undefined,
  ): boolean {
    if (descriptor === undefined || !this.#isHere(descriptor.path)) return false;
    // A file that has no name any more does not come back.
    if (this.#names.get(descriptor.path) === undefined) return false;
    const file = this.#file(descriptor.path);
    const bytes = Buffer.concat(parts).subarray(0, call.result);
    const open = this.#open.get(`${call.process} ${descriptor.fd}<${descriptor.path}>`);
    const position = at ?? (open?.append === true ? file.size : (open?.position ?? file.size));
    if (at === undefined && open !== undefined) open.position = position + bytes.length;
    file.size = Math.max(file.size, position + bytes.length);
    const change = { at: position, bytes, ended: call.ended };
    if (open?.durable !== true) {
      file.pending.push(change);
      return false;
    }
    file.synced = applied(file.synced, change);
    return true;
  }

  #cut(call: TracedCall, path: string | undefined, length: number): boolean {
    if (!this.#isHere(path) || this.#names.get(path) === undefined) return false;
    const file = this.#file(path);
    file.pending.push({ length, ended: call.ended });
    file.size = length;
    return false;
  }

  /** What had ended when the sync began is certain when it ends. */
  #synced(call: TracedCall, path: string | undefined): boolean {
    if (path === undefined || !(this.#isHere(path) || path === this.#root)) return false;
    const file = this.#names.get(path);
    if (file === "folder" || path === this.#root) {
      for (const change of this.#pending.splice(0)) {
        if (dirname(change.path) === path && change.ended <= call.began) this.#makeCertain(change);
        else this.#pending.push(change);
      }
      return true;
    }
    if (file === undefined) return false;
    const [before, behind] = [
      file.pending.filter((change) => change.ended <= call.began),
      file.pending.filter((change) => change.ended > call.began),
    ];
    for (const change of before) file.synced = applied(file.synced, change);
    file.pending = behind;
    return true;
  }

  #makeCertain({ path, file }: NameChange): void {
    if (file === undefined) this.#certain.delete(path);
    else this.#certain.set(path, file);
  }

  #named(call: TracedCall, path: string, file: DiskFile | "folder" | undefined): boolean {
    if (!this.#isHere(path)) return false;
    if (file === undefined) this.#names.delete(path);
    else this.#names.set(path, file);
    this.#pending.push({ path, file, ended: call.ended });
    return false;
  }

  #renamed(call: TracedCall, from: string, to: string): boolean {
    const file = this.#names.get(from);
    if (!this.#isHere(from) || file === undefined) return false;
    // Within a folder a rename is one change, and so it is to us: the new name comes first.
    this.#named(call, to, file);
    return this.#named(call, from, undefined);
  }

  /** Writes what is on the disk now if the power goes, below `to`. */
  losePower(to: string, survival: Survival): void {
    const names = new Map(this.#certain);
    if (survival !== "nothing") {
      // Names of one folder come to the disk in their order.
      const ended = new Set<string>();
      for (const { path, file } of this.#pending) {
        const folder = dirname(path);
        if (ended.has(folder)) continue;
        if (survival.random.chance(0.3)) ended.add(folder);
        else if (file === undefined) names.delete(path);
        else names.set(path, file);
      }
    }
    for (const [path, file] of [...names].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const place = join(to, path.slice(this.#root.length));
      if (file === "folder") mkdirSync(place, { recursive: true });
      else if (existsSync(dirname(place))) writeFileSync(place, survivorOf(file, survival));
    }
  }
}

function survivorOf(file: DiskFile, survival: Survival): Buffer {
  if (survival === "nothing") return file.synced;
  let bytes: Buffer = Buffer.from(file.synced);
  for (const change of file.pending) {
    if ("length" in change) {
      if (survival.random.chance(0.5)) bytes = applied(bytes, change);
      continue;
    }
    // Whole pages, in any order.
    for (let from = 0; from < change.bytes.length; ) {
      const end = Math.min(change.bytes.length, from + PAGE - ((change.at + from) % PAGE));
      if (survival.random.chance(0.5))
        bytes = applied(bytes, { ...change, at: change.at + from, bytes: change.bytes.subarray(from, end) });
      from = end;
    }
  }
  return bytes;
}

/** The file with the change; its buffer is used again where it is long enough. */
function applied(file: Buffer, change: Change): Buffer {
  if ("length" in change) {
    const cut = Buffer.alloc(change.length);
    file.copy(cut);
    return cut;
  }
  const end = change.at + change.bytes.length;
  const written = end > file.length ? Buffer.concat([file, Buffer.alloc(end - file.length)]) : file;
  change.bytes.copy(written, change.at);
  return written;
}

/** A path in quotes, made absolute by the harness: mailhost names its files from the root on. */
function pathIn(argument: string): string {
  return argument.startsWith('"') ? bytesOf(argument).toString() : "";
}
