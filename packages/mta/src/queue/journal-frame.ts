/**
 * The stored form of the acceptance journal: frames, each a few records that count together or not at all.
 *
 *     frame:   magic, generation, number, length (32 bits each, little endian), SHA-1 of all else, records
 *     record:  1, length of id (8 bits), lengths of entry and message (32 bits), id, entry, message: it was accepted
 *              2, length of id (8 bits), id: it is done with, or in the queue's tables
 *
 * The generation is that of the segment as it is written at present, the number counts its frames: what an earlier use of the
 * file left behind, and a frame that was cut short, end the segment.
 */
import { createHash } from "node:crypto";

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
export const FRAME_HEAD = 36;

const MAGIC = 0x314a_484d;
const DIGEST_AT = 16;
const ACCEPTED = 1;
const DONE = 2;
/** Octets before the id of an accepted message, and of one that is done with. */
const ACCEPTED_HEAD = 10;
const DONE_HEAD = 2;
/** In place of a length: the message is in a file of its own. */
const NO_BODY = 0xffff_ffff;

/** A record's bytes: its head, and the message as it is, which is not copied. */
export function recordPieces(record: JournalRecord): Buffer[] {
  const { id } = record;
  if (record.kind === "done") {
    const piece = Buffer.allocUnsafe(DONE_HEAD + id.length);
    piece[0] = DONE;
    piece[1] = id.length;
    piece.write(id, DONE_HEAD, "latin1");
    return [piece];
  }
  const { entry, body } = record;
  const head = Buffer.allocUnsafe(ACCEPTED_HEAD + id.length + entry.length);
  head[0] = ACCEPTED;
  head[1] = id.length;
  head.writeUInt32LE(entry.length, 2);
  head.writeUInt32LE(body === undefined ? NO_BODY : body.length, 6);
  head.write(id, ACCEPTED_HEAD, "latin1");
  entry.copy(head, ACCEPTED_HEAD + id.length);
  return body === undefined || body.length === 0 ? [head] : [head, body];
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
  const hash = createHash("sha1").update(head.subarray(0, DIGEST_AT));
  for (const piece of pieces) hash.update(piece);
  hash.digest().copy(head, DIGEST_AT);
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
    const end = frameEnd(bytes, at, generation, number);
    if (end === undefined) return { generation, records };
    generation = bytes.readUInt32LE(at + 4);
    readRecords(bytes, at + FRAME_HEAD, end, records);
    at = end;
  }
}

/** Where the frame at a place ends; undefined when there is none of this generation and number. */
function frameEnd(bytes: Buffer, at: number, generation: number, number: number): number | undefined {
  if (at + FRAME_HEAD > bytes.length || bytes.readUInt32LE(at) !== MAGIC) return undefined;
  const [found, place] = [bytes.readUInt32LE(at + 4), bytes.readUInt32LE(at + 8)];
  if (found === 0 || (number > 0 && found !== generation) || place !== number) return undefined;
  const end = at + FRAME_HEAD + bytes.readUInt32LE(at + 12);
  if (end > bytes.length) return undefined;
  const digest = createHash("sha1")
    .update(bytes.subarray(at, at + DIGEST_AT))
    .update(bytes.subarray(at + FRAME_HEAD, end))
    .digest();
  return digest.equals(bytes.subarray(at + DIGEST_AT, at + FRAME_HEAD)) ? end : undefined;
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
