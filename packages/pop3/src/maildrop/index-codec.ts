/**
 * The stored form of a mailbox index: a head, and chunks of {@link CHUNK} messages.
 *
 * Every value carries a checksum, and what is decoded is checked for sense too, so that a damaged or foreign value is
 * noticed and never believed.
 */
import { crc32 } from "node:zlib";
import { FINGERPRINT_LENGTH } from "./fingerprint.ts";
import type { FileIdentity, IndexedMessage } from "./mailbox-index.ts";
import { isPlausibleUid } from "./uids.ts";

/** Messages a value. */
export const CHUNK = 1024;

/** What the head says. */
export interface IndexHead {
  readonly identity: FileIdentity;
  readonly fingerprint: Buffer;
  /** Number of messages. */
  readonly count: number;
}

/** `MHX` and the version of this form; another one is foreign. */
const MAGIC = 0x4d485801;
const CRC = 4;
const HEAD_LENGTH = CRC + 4 + 5 * 8 + 4 + FINGERPRINT_LENGTH;
/** Start, lengths of From_ line, header, all; octets: 6 bytes each. Digest 16, length of the id 1. */
const NUMBERS = 5;
const NUMBER = 6;
const DIGEST = 16;
const RECORD = NUMBERS * NUMBER + DIGEST + 1;
const LONGEST_UID = 70;

/** Encodes the head. */
export function encodeHead({ identity, fingerprint, count }: IndexHead): Buffer {
  const out = Buffer.alloc(HEAD_LENGTH);
  let at = out.writeUInt32BE(MAGIC, CRC);
  for (const value of [
    identity.dev,
    identity.ino,
    BigInt(identity.size),
    identity.mtimeNs,
    identity.ctimeNs,
  ]) {
    at = out.writeBigUInt64BE(BigInt.asUintN(64, value), at);
  }
  at = out.writeUInt32BE(count, at);
  fingerprint.copy(out, at);
  return sealed(out);
}

/** Decodes the head; undefined when it is none of ours or damaged. */
export function decodeHead(bytes: Buffer): IndexHead | undefined {
  if (bytes.length !== HEAD_LENGTH || !isSealed(bytes) || bytes.readUInt32BE(CRC) !== MAGIC) return undefined;
  const word = (i: number) => bytes.readBigUInt64BE(CRC + 4 + 8 * i);
  const identity = {
    dev: word(0),
    ino: word(1),
    size: Number(word(2)),
    mtimeNs: BigInt.asIntN(64, word(3)),
    ctimeNs: BigInt.asIntN(64, word(4)),
  };
  const at = CRC + 4 + 5 * 8;
  return { identity, count: bytes.readUInt32BE(at), fingerprint: Buffer.from(bytes.subarray(at + 4)) };
}

/** Encodes up to {@link CHUNK} messages from `from` on. */
export function encodeChunk(messages: readonly IndexedMessage[], from: number): Buffer {
  const to = Math.min(messages.length, from + CHUNK);
  const out = Buffer.allocUnsafe(CRC + 4 + (to - from) * (RECORD + LONGEST_UID));
  let at = out.writeUInt32BE(from, CRC);
  for (let i = from; i < to; i++) {
    const { start, head, body, end, octets, digest, uid } = messages[i]!;
    for (const value of [start, head - start, body - head, end - head, octets])
      at = out.writeUIntBE(value, at, NUMBER);
    at += out.write(digest, at, "hex");
    const own = uid === digest ? "" : uid;
    at = out.writeUInt8(own.length, at);
    at += out.write(own, at, "latin1");
  }
  return sealed(Buffer.from(out.subarray(0, at)));
}

/**
 * Decodes a chunk behind the messages decoded before it.
 *
 * @param into receives the messages; its length says which chunk is expected
 * @param size bytes of the mbox
 * @returns false when the chunk is damaged, foreign or makes no sense
 */
export function decodeChunk(bytes: Buffer, into: IndexedMessage[], size: number): boolean {
  if (bytes.length < CRC + 4 || !isSealed(bytes) || bytes.readUInt32BE(CRC) !== into.length) return false;
  let before = into[into.length - 1]?.end ?? 0;
  let at = CRC + 4;
  while (at < bytes.length) {
    if (at + RECORD > bytes.length) return false;
    const number = (i: number) => bytes.readUIntBE(at + i * NUMBER, NUMBER);
    const start = number(0);
    const head = start + number(1);
    const body = head + number(2);
    const end = head + number(3);
    const octets = number(4);
    at += NUMBERS * NUMBER;
    const digest = bytes.toString("hex", at, at + DIGEST);
    at += DIGEST;
    const length = bytes[at++]!;
    const uid = length === 0 ? digest : bytes.toString("latin1", at, at + length);
    at += length;
    if (at > bytes.length || start < before || body > end || end > size || !isPlausibleUid(uid)) return false;
    into.push({ start, head, body, end, octets, digest, uid });
    before = end;
  }
  return true;
}

function sealed(bytes: Buffer): Buffer {
  bytes.writeUInt32BE(crc32(bytes.subarray(CRC)), 0);
  return bytes;
}

function isSealed(bytes: Buffer): boolean {
  return bytes.readUInt32BE(0) === crc32(bytes.subarray(CRC));
}
