/**
 * Reads the hash and btree files of Berkeley DB (versions 3 to 5, as Sendmail's makemap and newaliases made them), so that a
 * postmaster who has only `access.db` can take it over.
 *
 * Pages are read in turn and those with entries are taken; nothing is trusted that a damaged file could say: every
 * place lies in its page, and chains end. Encrypted files, files with checksums and the form of version 1.85 are
 * refused with the way by `db_dump`.
 */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { ConfigError } from "../errors.ts";
import type { OctetEntry } from "./compile.ts";

const BTREE = 0x053162;
const HASH = 0x061561;
/** Versions of the files: Berkeley DB 3.0 to 5.3. */
const VERSIONS: Readonly<Record<number, readonly number[]>> = { [BTREE]: [8, 9], [HASH]: [7, 8, 9] };
const META_SIZE = 72;
const PAGE_HEADER = 26;
const PAGE = { unsortedHash: 2, btreeLeaf: 5, overflow: 7, hash: 13 } as const;
const BTREE_ITEM = { data: 1, overflow: 3 } as const;
const HASH_ITEM = { data: 1, duplicates: 2, overflow: 3 } as const;

/** Reads numbers in the byte order of the machine that made the file. */
interface Numbers {
  u16(bytes: Buffer, at: number): number;
  u32(bytes: Buffer, at: number): number;
}

interface Meta extends Numbers {
  readonly magic: number;
  readonly pageSize: number;
  readonly lastPage: number;
}

/** A value, and whether the entry was deleted. */
interface Item {
  readonly octets: string;
  readonly deleted: boolean;
}

/**
 * The entries of a file, in no promised order, as strings of octets.
 *
 * @throws ConfigError saying why the file is refused or where it is damaged; an error of the file system
 */
export function* readBerkeleyDb(file: string): Generator<OctetEntry> {
  const fd = openSync(file, "r");
  try {
    const meta = readMeta(fd, file);
    const pages = Math.floor(fstatSync(fd).size / meta.pageSize);
    for (let number = 1; number <= meta.lastPage && number < pages; number++) {
      yield* new PageReader(fd, file, meta).entries(number);
    }
  } catch (error) {
    if (error instanceof RangeError) throw damaged(file);
    throw error;
  } finally {
    closeSync(fd);
  }
}

function readMeta(fd: number, file: string): Meta {
  const bytes = Buffer.alloc(META_SIZE);
  if (readSync(fd, bytes, 0, META_SIZE, 0) < META_SIZE) throw damaged(file);
  const little: Numbers = { u16: (b, at) => b.readUInt16LE(at), u32: (b, at) => b.readUInt32LE(at) };
  const big: Numbers = { u16: (b, at) => b.readUInt16BE(at), u32: (b, at) => b.readUInt32BE(at) };
  const numbers = [little, big].find((order) => order.u32(bytes, 12) in VERSIONS);
  if (numbers === undefined) throw unread(file, "is no hash or btree file of Berkeley DB 3 to 5");
  const magic = numbers.u32(bytes, 12);
  const version = numbers.u32(bytes, 16);
  const pageSize = numbers.u32(bytes, 20);
  if (!VERSIONS[magic]!.includes(version)) throw unread(file, `is of an unknown version (${version})`);
  if (bytes[24] !== 0) throw unread(file, "is encrypted");
  if ((bytes[26]! & 1) !== 0) throw unread(file, "has checksums");
  if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) throw damaged(file);
  return { ...numbers, magic, pageSize, lastPage: numbers.u32(bytes, 32) };
}

function unread(file: string, reason: string): ConfigError {
  return new ConfigError(
    file,
    0,
    `${reason}; take it over by db_dump ${file} | makemap --import - hash NAME`,
  );
}

function damaged(file: string): ConfigError {
  return new ConfigError(file, 0, "is a damaged Berkeley DB file");
}

class PageReader {
  readonly #fd: number;
  readonly #file: string;
  readonly #meta: Meta;

  constructor(fd: number, file: string, meta: Meta) {
    this.#fd = fd;
    this.#file = file;
    this.#meta = meta;
  }

  *entries(number: number): Generator<OctetEntry> {
    const page = this.#page(number);
    const type = page[25];
    const btree = type === PAGE.btreeLeaf;
    if (!btree && type !== PAGE.hash && type !== PAGE.unsortedHash) return;
    const items = this.#meta.u16(page, 20);
    for (let i = 0; i + 1 < items; i += 2) {
      if (btree) {
        const key = this.#btreeItem(page, i);
        const value = this.#btreeItem(page, i + 1);
        if (!key.deleted && !value.deleted) yield [key.octets, value.octets];
      } else {
        const [key] = this.#hashItem(page, i);
        for (const value of this.#hashItem(page, i + 1)) yield [key!, value];
      }
    }
  }

  /** `len (2) | type (1) | octets`, or `unused (2) | type (1) | unused (1) | page (4) | len (4)`. */
  #btreeItem(page: Buffer, index: number): Item {
    const at = this.#itemAt(page, index);
    const type = page[at + 2]! & 0x7f;
    const deleted = (page[at + 2]! & 0x80) !== 0;
    if (type === BTREE_ITEM.overflow) {
      const length = this.#meta.u32(page, at + 8);
      return { octets: this.#overflow(this.#meta.u32(page, at + 4), length), deleted };
    }
    if (type !== BTREE_ITEM.data) throw unread(this.#file, "has keys with very many values");
    const length = this.#meta.u16(page, at);
    return { octets: this.#octets(page, at + 3, length), deleted };
  }

  /** `type (1) | octets` up to the item before, which stands behind it; or values, each between its length twice. */
  #hashItem(page: Buffer, index: number): string[] {
    const at = this.#itemAt(page, index);
    const end = index === 0 ? page.length : this.#itemAt(page, index - 1);
    const type = page[at];
    if (type === HASH_ITEM.overflow)
      return [this.#overflow(this.#meta.u32(page, at + 4), this.#meta.u32(page, at + 8))];
    if (type === HASH_ITEM.data) return [this.#octets(page, at + 1, end - at - 1)];
    if (type !== HASH_ITEM.duplicates) throw unread(this.#file, "has keys with very many values");
    const values: string[] = [];
    for (let next = at + 1; next < end; ) {
      const length = this.#meta.u16(page, next);
      values.push(this.#octets(page, next + 2, length));
      next += length + 4;
    }
    return values;
  }

  #itemAt(page: Buffer, index: number): number {
    const at = this.#meta.u16(page, PAGE_HEADER + index * 2);
    if (at < PAGE_HEADER || at >= page.length) throw damaged(this.#file);
    return at;
  }

  #octets(page: Buffer, at: number, length: number): string {
    if (length < 0 || at + length > page.length) throw damaged(this.#file);
    return page.toString("latin1", at, at + length);
  }

  /** A value on pages of its own. */
  #overflow(first: number, length: number): string {
    const parts: string[] = [];
    let rest = length;
    for (let number = first; rest > 0; ) {
      const page = this.#page(number);
      const here = this.#meta.u16(page, 22);
      if (page[25] !== PAGE.overflow || here === 0 || here > rest) throw damaged(this.#file);
      parts.push(this.#octets(page, PAGE_HEADER, here));
      rest -= here;
      number = this.#meta.u32(page, 16);
    }
    return parts.join("");
  }

  #page(number: number): Buffer {
    const page = Buffer.alloc(this.#meta.pageSize);
    const read = readSync(this.#fd, page, 0, page.length, number * page.length);
    if (read < page.length) throw damaged(this.#file);
    return page;
  }
}
