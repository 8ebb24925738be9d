/**
 * What is remembered of a login name, as 128 octets of the failure file: how many failures it had lately from addresses that never
 * logged in to it, and the addresses that did.
 */
import { crc32 } from "node:zlib";

/** Octets of a record. */
export const NAME_RECORD = 128;
/** Addresses remembered, the latest. */
const ADDRESSES = 16;
const VERSION = 1;

/** A name's record. */
export interface NameRecord {
  readonly touched: number;
  /** Failures from strangers; a `window` takes away as many as are free. */
  readonly level: number;
  /** Digests of the networks that logged in, 32 bits each, the latest last. */
  readonly known: readonly number[];
}

export const EMPTY_NAME: NameRecord = { touched: 0, level: 0, known: [] };

/** As it stands in the file. `key` is the name's digest, 16 octets. */
export function encodeName(key: Buffer, record: NameRecord): Buffer {
  const data = Buffer.alloc(NAME_RECORD);
  const known = record.known.slice(-ADDRESSES);
  data[4] = VERSION;
  data[5] = known.length;
  key.copy(data, 8, 0, 16);
  data.writeUIntBE(record.touched, 24, 6);
  data.writeDoubleBE(record.level, 32);
  for (const [i, digest] of known.entries()) data.writeUInt32BE(digest, 40 + 4 * i);
  data.writeUInt32BE(crc32(data.subarray(4)), 0);
  return data;
}

/** Reads a record; undefined for an empty place and for anything that is none. */
export function decodeName(data: Buffer): NameRecord | undefined {
  if (data[4] !== VERSION || data.readUInt32BE(0) !== crc32(data.subarray(4))) return undefined;
  const level = data.readDoubleBE(32);
  return {
    touched: data.readUIntBE(24, 6),
    level: Number.isFinite(level) ? level : 0,
    known: Array.from({ length: Math.min(data[5]!, ADDRESSES) }, (_, i) => data.readUInt32BE(40 + 4 * i)),
  };
}

/** Whether a place holds the record of a key. */
export function isNameOf(data: Buffer, key: Buffer): boolean {
  return data[4] === VERSION && data.compare(key, 0, 16, 8, 24) === 0;
}

/** How much a place is worth keeping: names that somebody logged in to more than names that were only guessed at. */
export function nameWorth(data: Buffer): number {
  if (data[4] !== VERSION) return -1;
  const touched = data.readUIntBE(24, 6);
  return data[5]! > 0 ? Number.MAX_SAFE_INTEGER / 2 + touched : touched;
}
