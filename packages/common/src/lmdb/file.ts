/**
 * Looks at an LMDB data file before the native code maps it: the queue's, the DRAC table's, the POP3 index's.
 *
 * A damaged file that is mapped can end the process (SIGBUS, SIGSEGV), so the two meta pages are read by hand first:
 * magic number, version, page size, and whether the roots of the trees lie within the file.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { errnoOf } from "../errors.ts";

/** What was found. A `suspect` file is shorter than its last page: it may be whole, only reading it all tells. */
export type LmdbFileState =
  | { readonly kind: "absent" }
  | { readonly kind: "sound" }
  | { readonly kind: "suspect"; readonly reason: string }
  | { readonly kind: "damaged"; readonly reason: string };

const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const META_FLAG = 0x08;
/** Octets of a page's header. */
export const PAGE_HEADER = 24;
/** No root: the tree is empty. */
export const NO_PAGE = 0xffff_ffff_ffff_ffffn;
/** Octets of a meta page that matter. */
const META_SIZE = 168;

/** What a meta page says. */
export interface LmdbMeta {
  /** Octets. */
  readonly pageSize: number;
  /** Roots of the tree of free pages and of the main tree; 2^64 - 1 for none. */
  readonly roots: readonly bigint[];
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/** A file that has changed within this time may still be in the making, by another process: it is looked at for so long, every so often (ms). */
const FRESH = 10_000;
const PATIENCE = 500;
const BETWEEN_LOOKS = 2;

/**
 * Judges a data file; an empty one is as good as none.
 *
 * @throws when the file cannot be opened or read for another reason than that it is not there
 */
export function checkLmdbFile(path: string): LmdbFileState {
  let state = look(path);
  const until = performance.now() + PATIENCE;
  while (state.kind === "damaged" && isFresh(path) && performance.now() < until) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BETWEEN_LOOKS);
    state = look(path);
  }
  return state;
}

function isFresh(path: string): boolean {
  const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Math.abs(Date.now() - changed) < FRESH;
}

function look(path: string): LmdbFileState {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return { kind: "absent" };
    throw error;
  }
  try {
    const first = readMeta(fd, 0);
    // The metas are read before the length: a writer at work lengthens the file first and names the page afterwards.
    if (first === undefined && fstatSync(fd).size === 0) return { kind: "absent" };
    if (first === undefined) return { kind: "damaged", reason: "its first page is no LMDB page" };
    const second = readMeta(fd, first.pageSize);
    if (second === undefined) return { kind: "damaged", reason: "its second page is no LMDB page" };
    return judge(first.transaction >= second.transaction ? first : second, fstatSync(fd).size);
  } finally {
    closeSync(fd);
  }
}

/**
 * The meta page that counts; undefined when there is none.
 *
 * @throws when the file cannot be read
 */
export function readNewestMeta(fd: number): LmdbMeta | undefined {
  const first = readMeta(fd, 0);
  const second = first && readMeta(fd, first.pageSize);
  if (first === undefined || second === undefined) return undefined;
  return first.transaction >= second.transaction ? first : second;
}

function judge(meta: LmdbMeta, length: number): LmdbFileState {
  const pages = BigInt(Math.floor(length / meta.pageSize));
  if (meta.roots.some((root) => root !== NO_PAGE && root >= pages)) {
    return { kind: "damaged", reason: `its tables lie beyond its end at ${length} octets` };
  }
  // A last page that was taken and given back in one transaction need not be in the file.
  if (meta.lastPage >= pages) {
    return { kind: "suspect", reason: `it ends at ${length} octets, before its last page` };
  }
  return { kind: "sound" };
}

/** The meta page at an offset, or undefined when there is none. */
function readMeta(fd: number, at: number): LmdbMeta | undefined {
  const page = Buffer.alloc(META_SIZE);
  if (readSync(fd, page, 0, META_SIZE, at) < META_SIZE) return undefined;
  const meta = page.subarray(PAGE_HEADER);
  const pageSize = meta.readUInt32LE(24);
  const usable = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0;
  if ((page.readUInt16LE(18) & META_FLAG) === 0 || meta.readUInt32LE(0) !== MAGIC || !usable)
    return undefined;
  if ((meta.readUInt32LE(4) & 0xffff) !== DATA_VERSION) return undefined;
  return {
    pageSize,
    roots: [meta.readBigUInt64LE(64), meta.readBigUInt64LE(112)],
    lastPage: meta.readBigUInt64LE(120),
    transaction: meta.readBigUInt64LE(128),
  };
}
