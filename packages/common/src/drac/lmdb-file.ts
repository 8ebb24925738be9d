/**
 * A look at an LMDB file before LMDB maps it: a file that is none, or that was cut, would end the process there.
 *
 * Both meta pages must be meta pages, and the roots that the newer one names must lie within the file.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";

const MAGIC = 0xbeefc0de;
/** Offsets within a meta page; integers are little-endian. The page's own header comes first. */
const AT = { magic: 24, pageSize: 48, firstRoot: 88, secondRoot: 136, transaction: 152 } as const;
const META_SIZE = 160;
/** Stands for "no root": an empty tree. */
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/**
 * Says what is wrong with an LMDB file, or nothing when it may be opened. An empty file is a new one.
 *
 * @throws errors of the file system
 */
export function lmdbFileFault(path: string): string | undefined {
  const fd = openSync(path, "r");
  try {
    const first = metaAt(fd, 0);
    const { size } = statSync(path);
    if (size === 0) return undefined;
    if (first === undefined) return "not an LMDB file";
    const pageSize = first.readUInt32LE(AT.pageSize);
    const second = metaAt(fd, pageSize);
    if (second === undefined) return "its second page is damaged";
    const newer =
      first.readBigUInt64LE(AT.transaction) >= second.readBigUInt64LE(AT.transaction) ? first : second;
    const pages = BigInt(Math.floor(size / pageSize));
    const roots = [newer.readBigUInt64LE(AT.firstRoot), newer.readBigUInt64LE(AT.secondRoot)];
    return roots.every((root) => root === NO_PAGE || root < pages) ? undefined : "it has been cut short";
  } finally {
    closeSync(fd);
  }
}

function metaAt(fd: number, position: number): Buffer | undefined {
  const page = Buffer.alloc(META_SIZE);
  const read = readSync(fd, page, 0, META_SIZE, position);
  return read === META_SIZE && page.readUInt32LE(AT.magic) === MAGIC ? page : undefined;
}
