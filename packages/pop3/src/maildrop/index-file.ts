/**
 * A look at the index's file before LMDB maps it into memory.
 *
 * LMDB takes its file on trust: one that is cut short or overwritten makes it read beyond the end and ends the process,
 * again at each restart. What is checked is what LMDB goes by: both meta pages, and that the pages they count are
 * there.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { errnoOf } from "@mailhost/common/errors";

/** Places in a meta page (struct MDB_page and struct MDB_meta of LMDB 1.0, data version 2). */
const META = { magic: 24, version: 28, pageSize: 48, lastPage: 144, transaction: 152, length: 160 };
const MAGIC = 0xbeefc0de;
const VERSION = 2;

/**
 * What is wrong with the file, or undefined when it is missing, empty or looks sound.
 *
 * @throws errors of the system other than ENOENT
 */
export function indexFileFault(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    if (size === 0) return undefined;
    const first = metaPage(fd, 0);
    if (first === undefined) return "is no LMDB file";
    const second = metaPage(fd, first.pageSize);
    if (second === undefined) return "has no second meta page";
    const newer = second.transaction > first.transaction ? second : first;
    const needed = (newer.lastPage + 1n) * BigInt(first.pageSize);
    return BigInt(size) < needed ? `is cut short: ${size} bytes of ${needed}` : undefined;
  } finally {
    closeSync(fd);
  }
}

interface MetaPage {
  readonly pageSize: number;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

function metaPage(fd: number, at: number): MetaPage | undefined {
  const page = Buffer.alloc(META.length);
  if (readSync(fd, page, 0, page.length, at) < page.length) return undefined;
  if (page.readUInt32LE(META.magic) !== MAGIC || page.readUInt32LE(META.version) !== VERSION)
    return undefined;
  const pageSize = page.readUInt32LE(META.pageSize);
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) return undefined;
  return {
    pageSize,
    lastPage: page.readBigUInt64LE(META.lastPage),
    transaction: page.readBigUInt64LE(META.transaction),
  };
}
