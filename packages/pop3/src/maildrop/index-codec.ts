/**
 * The stored form of a mailbox index's head: the state of the file for which the index is true. Its messages follow in
 * chunks, message-chunk.ts.
 *
 * It carries a checksum, so that a damaged or foreign value is noticed and never believed.
 */
import { crc32 } from "node:zlib";
import type { UidFormat } from "@mailhost/common/settings/pop3-settings";
import { FINGERPRINT_LENGTH } from "./fingerprint.ts";
import type { FileIdentity, Naming } from "./mailbox-index.ts";

/** What the head says. */
export interface IndexHead {
  readonly identity: FileIdentity;
  readonly fingerprint: Buffer;
  /** Number of messages. */
  readonly count: number;
  readonly naming: Naming;
  /** {@link GENERATION} bytes of chance: two heads are equal only when they are of the same writing. */
  readonly generation: Buffer;
  /** Of {@link OLD_MAGIC}. */
  readonly outdated?: true;
}

/** `MHX` and the version of this form; another one is foreign. */
const MAGIC = 0x4d485804;
/** The version before, which counted a stored CR LF as three octets: what it says of sizes is not true any more, of ids it is. */
const OLD_MAGIC = 0x4d485803;
/** Bytes that tell one writing from another. */
export const GENERATION = 8;
/** Their places are stored. */
const FORMATS: readonly UidFormat[] = ["default", "qpopper", "dovecot", "uw", "courier", "cyrus"];
const CRC = 4;
const HEAD_LENGTH = CRC + 4 + 5 * 8 + 4 + FINGERPRINT_LENGTH + 1 + 4 + GENERATION;

/** Encodes the head. */
export function encodeHead({ identity, fingerprint, count, naming, generation }: IndexHead): Buffer {
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
  at += fingerprint.copy(out, at);
  at = out.writeUInt8(FORMATS.indexOf(naming.format), at);
  at = out.writeUInt32BE(naming.uidValidity, at);
  generation.copy(out, at);
  out.writeUInt32BE(crc32(out.subarray(CRC)), 0);
  return out;
}

/** Decodes the head; undefined when it is none of ours or damaged. */
export function decodeHead(bytes: Buffer): IndexHead | undefined {
  if (bytes.length !== HEAD_LENGTH || bytes.readUInt32BE(0) !== crc32(bytes.subarray(CRC))) return undefined;
  const magic = bytes.readUInt32BE(CRC);
  if (magic !== MAGIC && magic !== OLD_MAGIC) return undefined;
  const word = (i: number) => bytes.readBigUInt64BE(CRC + 4 + 8 * i);
  const identity = {
    dev: word(0),
    ino: word(1),
    size: Number(word(2)),
    mtimeNs: BigInt.asIntN(64, word(3)),
    ctimeNs: BigInt.asIntN(64, word(4)),
  };
  const at = CRC + 4 + 5 * 8;
  const behind = at + 4 + FINGERPRINT_LENGTH;
  const format = FORMATS[bytes[behind]!];
  if (format === undefined) return undefined;
  return {
    identity,
    count: bytes.readUInt32BE(at),
    fingerprint: Buffer.from(bytes.subarray(at + 4, behind)),
    naming: { format, uidValidity: bytes.readUInt32BE(behind + 1) },
    generation: Buffer.from(bytes.subarray(behind + 5)),
    ...(magic === OLD_MAGIC && { outdated: true }),
  };
}
