/**
 * The stored form of the acceptance journal: frames, each a few records that count together or not at all.
 *
 *     frame:   magic, generation, number, length, CRC-32 of all else (32 bits each, little endian), records
 *     record:  1, length of id (8 bits), lengths of entry and message (32 bits), id, entry, message: it was accepted
 *              2, length of id (8 bits), id: it is done with, or in the queue's tables
 *
 * The generation is that of the segment as it is written at present, the number counts its frames: what an earlier use of the
 * file left behind, and a frame that was cut short, end the segment. An earlier form had the SHA-1 there, which took a fiftieth of the
 * time of a message; its frames are read.
 */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** What one record says. */
export type JournalRecord =
  | {
      readonly kind: "accepted";
      readonly id: string;
      /** The entry in its stored form (entry-codec.ts). */
      readonly entry: Buffer;
      /** The message; absent when it is in a file of its own. */
      readonly body: Buffer | undefined;
    }
  | { readonly kind: "done"; readonly id: string };

/** A record that was read: messages are told by their place, for most of them are done with. */
export type ReadRecord =
  | {
      readonly kind: "accepted";
      readonly id: string;
      readonly entry: Buffer;
      /** Octets; undefined when it is in a file of its own. */
      readonly bodySize: number | undefined;
      /** Where it begins in what was read. */
      readonly bodyAt: number;
    }
  | { readonly kind: "done"; readonly id: string };

/** Octets before the records of a frame. */
export const FRAME_HEAD = 20;

/** `MHJ2`. */
const MAGIC = 0x324a_484d;
/** `MHJ1`, with a SHA-1. */
const EARLIER_MAGIC = 0x314a_484d;
/** Where the check is in the head. */
const CHECK_AT = 16;
const SHA1_LENGTH = 20;
const ACCEPTED = 1;
const DONE = 2;
/** Octets before the id of an accepted message, and of one that is done with. */
const ACCEPTED_HEAD = 10;
const DONE_HEAD = 2;
/** In place of a length: the message is in a file of its own. */
const NO_BODY = 0xffff_ffff;

/** Records' bytes: their heads, and the messages as they are, which are not copied. */
export function recordPieces(records: readonly JournalRecord[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (const record of records) addPieces(record, pieces);
  return pieces;
}

function addPieces(record: JournalRecord, pieces: Buffer[]): void {
  const { id } = record;
  if (record.kind === "done") {
    const piece = Buffer.allocUnsafe(DONE_HEAD + id.length);
    piece[0] = DONE;
    piece[1] = id.length;
    piece.write(id, DONE_HEAD, "latin1");
    pieces.push(piece);
    return;
  }
  const { entry, body } = record;
  const head = Buffer.allocUnsafe(ACCEPTED_HEAD + id.length + entry.length);
  head[0] = ACCEPTED;
  head[1] = id.length;
  head.writeUInt32LE(entry.length, 2);
  head.writeUInt32LE(body === undefined ? NO_BODY : body.length, 6);
  head.write(id, ACCEPTED_HEAD, "latin1");
  entry.copy(head, ACCEPTED_HEAD + id.length);
  pieces.push(head);
  if (body !== undefined && body.length > 0) pieces.push(body);
}

/** The head of a frame of records. */
export function frameHead(generation: number, number: number, pieces: readonly Buffer[]): Buffer {
  const head = Buffer.allocUnsafe(FRAME_HEAD);
  let length = 0;
  for (const piece of pieces) length += piece.length;
  head.writeUInt32LE(MAGIC, 0);
  head.writeUInt32LE(generation, 4);
  head.writeUInt32LE(number, 8);
  head.writeUInt32LE(length, 12);
  let check = crc32(head.subarray(0, CHECK_AT));
  for (const piece of pieces) check = crc32(piece, check);
  head.writeUInt32LE(check, CHECK_AT);
  return head;
}

/** What is in a segment. */
export interface ReadSegment {
  /** 0 when it holds nothing. */
  readonly generation: number;
  readonly records: readonly ReadRecord[];
}

/** Reads a segment as far as its frames are whole. */
export function readSegment(bytes: Buffer): ReadSegment {
  const records: ReadRecord[] = [];
  let generation = 0;
  let at = 0;
  for (let number = 0; ; number++) {
    const frame = frameAt(bytes, at, generation, number);
    if (frame === undefined) return { generation, records };
    generation = bytes.readUInt32LE(at + 4);
    readRecords(bytes, frame.from, frame.end, records);
    at = frame.end;
  }
}

/** The records of the frame at a place; undefined when there is none of this generation and number. */
function frameAt(
  bytes: Buffer,
  at: number,
  generation: number,
  number: number,
): { readonly from: number; readonly end: number } | undefined {
  if (at + FRAME_HEAD > bytes.length) return undefined;
  const magic = bytes.readUInt32LE(at);
  if (magic !== MAGIC && magic !== EARLIER_MAGIC) return undefined;
  const [found, place] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)];
  if (found === 0 || (number > 0 && found !== generation) || place !== number) return undefined;
  const from = at + (magic === MAGIC ? FRAME_HEAD : CHECK_AT + SHA1_LENGTH);
  const end = from + bytes.readUInt32LE(at + 12);
  if (end > bytes.length) return undefined;
  const head = bytes.subarray(at, at + CHECK_AT);
  const check = bytes.subarray(at + CHECK_AT, from);
  const records = bytes.subarray(from, end);
  const isWhole =
    magic === MAGIC
      ? crc32(records, crc32(head)) === check.readUInt32LE()
      : createHash("sha1").update(head).update(records).digest().equals(check);
  return isWhole ? { from, end } : undefined;
}

/** @throws when the records of a whole frame are none: another version wrote them */
function readRecords(bytes: Buffer, from: number, end: number, records: ReadRecord[]): void {
  for (let at = from; at < end; ) {
    const [kind, idLength] = [bytes[at], bytes[at + 1] ?? 0];
    if (kind === DONE) {
      const idAt = at + DONE_HEAD;
      records.push({ kind: "done", id: bytes.toString("latin1", idAt, idAt + idLength) });
      at = idAt + idLength;
      continue;
    }
    if (kind !== ACCEPTED) throw new Error(`a record of unknown kind ${String(kind)}`);
    const idAt = at + ACCEPTED_HEAD;
    const entryAt = idAt + idLength;
    const bodyAt = entryAt + bytes.readUInt32LE(at + 2);
    const size = bytes.readUInt32LE(at + 6);
    records.push({
      kind: "accepted",
      id: bytes.toString("latin1", idAt, entryAt),
      entry: Buffer.from(bytes.subarray(entryAt, bodyAt)),
      bodySize: size === NO_BODY ? undefined : size,
      bodyAt,
    });
    at = bodyAt + (size === NO_BODY ? 0 : size);
  }
}
