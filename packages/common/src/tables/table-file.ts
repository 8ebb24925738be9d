/**
 * The compiled form of a table on disk, `NAME.db`: its blocks, and the page at its end that says what is in it.
 *
 * The file is a tree that is written once, from left to right, and never changed. Blocks stand one behind the other; each
 * has a checksum over what it holds, over its place and over the number of this file, so that a block that was cut,
 * overwritten or left over from another file is noticed when it is read. Leaves hold entries in the order of their keys'
 * octets, the blocks above them the first key of each block below. What a look-up needs is one block of each level:
 * nothing is read at the start, nothing is mapped, and nobody locks.
 *
 *     block    crc32 (4) | octets that follow (4) | level (1) | items … | place of each item (4 each) | items (4)
 *     leaf     length of the key (varint) | of the value (varint) | key | value
 *     above    length of the key (varint) | place (6) | length (4) of the block below | key
 *     at last  4096 octets: a magic line, crc32 in hexadecimal, JSON, blanks
 *
 * All numbers are little-endian.
 */
import { crc32 } from "node:zlib";
import { ConfigError } from "../errors.ts";

/** Size of the page at the end, octets. */
export const TRAILER_SIZE = 4096;
/** First octets of that page. */
export const TRAILER_MAGIC = "mailhost compiled table 2\n";
/** What the form before this one had there; it was an LMDB file. */
const FORMER_MAGIC = "mailhost compiled table 1\n";
/** Octets of a block before its payload. */
export const BLOCK_HEADER = 8;
/** The longest block that a reader takes, octets. One value of an alias list may fill one. */
export const LONGEST_BLOCK = 64 * 1024 * 1024;

/** Where a block is. */
export interface BlockPlace {
  readonly at: number;
  /** Octets, its header among them. */
  readonly length: number;
}

/** The text that a table was made from. */
export interface SourceMark {
  /** Its SHA-256, hexadecimal. */
  readonly digest: string;
  /** When it was read, ms since 1970. */
  readonly readAt: number;
  /** Its size, octets, where that was known. */
  readonly size?: number;
}

/** What the page at the end says. */
export interface CompiledMeta {
  /** Aliases hold right-hand sides of alias lines, maps values as written. */
  readonly kind: "map" | "aliases";
  readonly entries: number;
  /** Octets of the blocks together. */
  readonly size: number;
  /** A random number, 16 hexadecimal digits: no two files have the same. */
  readonly id: string;
  /** SHA-256 of the entries, hexadecimal: same digest, same content. */
  readonly digest: string;
  /** The topmost block; null in a table without entries. */
  readonly root: BlockPlace | null;
  readonly source: SourceMark;
}

/** The checksum of a block's payload at its place in a file. */
export function blockChecksum(payload: Buffer, at: number, id: string): number {
  return crc32(payload, crc32(`${id}${at}`));
}

/** The page at the end. */
export function trailerOf(meta: CompiledMeta): Buffer {
  const text = Buffer.alloc(TRAILER_SIZE - TRAILER_MAGIC.length - 9, " ");
  text.write(JSON.stringify(meta));
  const head = `${TRAILER_MAGIC}${crc32(text).toString(16).padStart(8, "0")}\n`;
  return Buffer.concat([Buffer.from(head), text]);
}

/**
 * Reads the page at the end of a file.
 *
 * @param head the first octets of the file, at least 16 where it has them
 * @param tail its last {@link TRAILER_SIZE} octets, or all of them when it is shorter
 * @throws ConfigError saying why the file is refused
 */
export function readTrailer(file: string, size: number, head: Buffer, tail: Buffer): CompiledMeta {
  const refuse = (reason: string) => new ConfigError(file, 0, `${reason}; make it anew`);
  if (isBerkeleyDb(head)) {
    throw new ConfigError(
      file,
      0,
      "is a Berkeley DB file; make it anew with makemap or newaliases, or take it over with makemap --import",
    );
  }
  if (size === 0) throw refuse("is empty");
  const text = tail.toString("latin1");
  if (text.startsWith(FORMER_MAGIC))
    throw refuse("is in the form of an earlier mailhost, which is read no more");
  if (size < TRAILER_SIZE || !text.startsWith(TRAILER_MAGIC)) {
    throw refuse("is cut short or no table of makemap or newaliases");
  }
  const start = TRAILER_MAGIC.length;
  const json = tail.subarray(start + 9);
  if (Number.parseInt(text.slice(start, start + 8), 16) !== crc32(json)) {
    throw refuse("is damaged (its last block cannot be read)");
  }
  // The checksum holds, so this is what a writer wrote.
  const meta = JSON.parse(json.toString("utf8")) as CompiledMeta;
  if (meta.size + TRAILER_SIZE !== size) throw refuse("is damaged (its length does not match)");
  return meta;
}

/** Berkeley DB keeps the type of a file in its twelfth octet, in the byte order of the machine that made it. */
export function isBerkeleyDb(head: Buffer): boolean {
  if (head.length < 16) return false;
  const HASH = 0x061561;
  const BTREE = 0x053162;
  return [head.readUInt32LE(12), head.readUInt32BE(12)].some((magic) => magic === HASH || magic === BTREE);
}

/** A text as a string of its UTF-8 octets, one character each: such strings compare as octets do. */
export function toOctets(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text).toString("latin1");
}

/** The text of such octets. */
export function fromOctets(octets: string): string {
  return /^[\x00-\x7f]*$/.test(octets) ? octets : Buffer.from(octets, "latin1").toString("utf8");
}
