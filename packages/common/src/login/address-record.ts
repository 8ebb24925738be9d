/**
 * What is remembered of an address that failed to log in, as 1024 octets of the failure file: its latest failures, each name and
 * password once, and its ban.
 */
import { crc32 } from "node:zlib";

/** Octets of a record. */
export const ADDRESS_RECORD = 1024;
/** Failures that are remembered: bans.failures goes no higher. */
export const MOST_FAILURES = 64;
/** Octets of the last name that are kept. */
const NAME = 64;

const HEAD = 128;
const FAILURE = 14;
const VERSION = 1;

/** A name and password that were wrong. */
export interface RememberedFailure {
  /** ms since 1970 of the last time. */
  readonly at: number;
  /** A digest of the name, 32 bits. */
  readonly name: number;
  /** A digest of name and password, 16 bits: enough to know a repetition, too little to find the password out. */
  readonly password: number;
  /** How often. */
  readonly times: number;
}

/** An address's record. */
export interface AddressRecord {
  /** An IPv4 address, or the first of an IPv6 network. */
  readonly network: string;
  /** The last failure, ban or lifting, ms since 1970. */
  readonly touched: number;
  /** Oldest first. */
  readonly failures: readonly RememberedFailure[];
  /** The name that was tried last, cut to 64 octets. */
  readonly lastName: string;
  /** The ban that it has or had last; 0: none yet. */
  readonly since: number;
  readonly until: number;
  readonly banFailures: number;
  /** Bans so far. */
  readonly bans: number;
}

/** The record of an address that nothing is known of. */
export function emptyRecord(network: string): AddressRecord {
  return { network, touched: 0, failures: [], lastName: "", since: 0, until: 0, banFailures: 0, bans: 0 };
}

/** As it stands in the file. `key` is the network's digest, 16 octets. */
export function encodeAddress(key: Buffer, record: AddressRecord): Buffer {
  const data = Buffer.alloc(ADDRESS_RECORD);
  data[4] = VERSION;
  const failures = record.failures.slice(-MOST_FAILURES);
  data[5] = failures.length;
  data.writeUInt16BE(Math.min(record.bans, 0xffff), 6);
  key.copy(data, 8, 0, 16);
  data.writeUIntBE(record.touched, 24, 6);
  data.writeUIntBE(record.since, 30, 6);
  data.writeUIntBE(record.until, 36, 6);
  data.writeUInt16BE(Math.min(record.banFailures, 0xffff), 42);
  packIp(record.network).copy(data, 44);
  const name = cut(record.lastName);
  data[61] = name.length;
  name.copy(data, 62);
  for (const [i, failure] of failures.entries()) {
    const at = HEAD + i * FAILURE;
    data.writeUIntBE(failure.at, at, 6);
    data.writeUInt32BE(failure.name, at + 6);
    data.writeUInt16BE(failure.password, at + 10);
    data.writeUInt16BE(Math.min(failure.times, 0xffff), at + 12);
  }
  data.writeUInt32BE(crc32(data.subarray(4)), 0);
  return data;
}

/** Reads a record; undefined for an empty place and for anything that is none. */
export function decodeAddress(data: Buffer): AddressRecord | undefined {
  if (data[4] !== VERSION || data.readUInt32BE(0) !== crc32(data.subarray(4))) return undefined;
  const failures = Array.from({ length: Math.min(data[5]!, MOST_FAILURES) }, (_, i) => {
    const at = HEAD + i * FAILURE;
    return {
      at: data.readUIntBE(at, 6),
      name: data.readUInt32BE(at + 6),
      password: data.readUInt16BE(at + 10),
      times: data.readUInt16BE(at + 12),
    };
  });
  return {
    network: unpackIp(data.subarray(44, 61)),
    touched: data.readUIntBE(24, 6),
    failures,
    lastName: data.toString("utf8", 62, 62 + Math.min(data[61]!, NAME)),
    since: data.readUIntBE(30, 6),
    until: data.readUIntBE(36, 6),
    banFailures: data.readUInt16BE(42),
    bans: data.readUInt16BE(6),
  };
}

/** Whether a place holds the record of a key. */
export function isAddressOf(data: Buffer, key: Buffer): boolean {
  return data[4] === VERSION && data.compare(key, 0, 16, 8, 24) === 0;
}

/** How much a place is worth keeping: higher is more. Read without the check sum. */
export function addressWorth(data: Buffer, now: number): number {
  if (data[4] !== VERSION) return -1;
  const until = data.readUIntBE(36, 6);
  // Bans in force are worth more than all else, the longer the more.
  return until > now ? Number.MAX_SAFE_INTEGER / 2 + until : data.readUIntBE(24, 6);
}

/** Four or sixteen octets behind their number. */
function packIp(network: string): Buffer {
  const octets = network.includes(":")
    ? network.split(":").flatMap((group) => {
        const n = Number.parseInt(group, 16);
        return [n >> 8, n & 0xff];
      })
    : network.split(".").map(Number);
  return Buffer.from([octets.length, ...octets]);
}

function unpackIp(data: Buffer): string {
  const octets = [...data.subarray(1, 1 + data[0]!)];
  if (octets.length === 4) return octets.join(".");
  return Array.from({ length: 8 }, (_, i) =>
    ((octets[2 * i] ?? 0) * 256 + (octets[2 * i + 1] ?? 0)).toString(16),
  ).join(":");
}

/** A name's first octets, whole characters. */
function cut(name: string): Buffer {
  let text = name.slice(0, NAME);
  while (Buffer.byteLength(text) > NAME) text = text.slice(0, -1);
  return Buffer.from(text);
}
