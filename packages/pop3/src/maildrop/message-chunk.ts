/**
 * Up to {@link CHUNK} messages of a mailbox index, as columns over the very bytes that are stored, so that an index is
 * neither decoded when it is read nor encoded when it is written, and a large mailbox is no heap of small objects.
 *
 *     0  crc32 of what follows        4  magic        8  number of the first message        12  number of messages
 *     16 columns: start, body, length, octets (8 bytes a message each); head (4); digest (16); length of uid, flags (1)
 *     …  the uids that are not their message's digest, one behind the other
 *
 * `body`, `head` and `length` count from `start`, so that a message that moves changes in one place. Numbers are in the
 * machine's own byte order, and the magic number tells a foreign one.
 */
import { crc32 } from "node:zlib";
import { DIGEST_BYTES, type FoundMessages } from "@mailhost/common/mbox/found-messages";
import type { IndexedMessage } from "./mailbox-index.ts";

/** Messages a chunk; all chunks of a table but its last have so many. */
export const CHUNK = 1024;
/** Bytes of a digest. */
export const DIGEST = DIGEST_BYTES;
/** The longest unique id (RFC 1939 section 7). */
export const LONGEST_UID = 70;

/** `MHC` and the version of this form. */
const MAGIC = 0x4d484302;
const HEAD = 16;
const RECORD = 4 * 8 + 4 + DIGEST + 2;
/** Flag: a mail reader has read the message (Status: R). */
const SEEN = 1;

/** The columns, and the bytes that they lie over. Whoever makes a chunk fills it; afterwards it does not change. */
export class MessageChunk {
  readonly bytes: Buffer;
  readonly count: number;
  readonly start: Float64Array;
  readonly body: Float64Array;
  readonly length: Float64Array;
  readonly octets: Float64Array;
  readonly head: Uint32Array;
  /** {@link DIGEST} bytes a message. */
  readonly digest: Buffer;
  /** Length of the uid in {@link uids}; 0 when the uid is the digest. */
  readonly uidLength: Uint8Array;
  readonly flags: Uint8Array;
  readonly uids: Buffer;
  /** Where each uid begins, once it was asked for. */
  #uidStart: Uint32Array | undefined;
  #octetSum: number | undefined;

  /** @param bytes of a length that suits `count`, at an offset that suits the columns */
  constructor(bytes: Buffer, count: number) {
    const { buffer, byteOffset } = bytes;
    let at = byteOffset + HEAD;
    const next = (length: number) => {
      const here = at;
      at += length;
      return here;
    };
    this.bytes = bytes;
    this.count = count;
    this.start = new Float64Array(buffer, next(8 * count), count);
    this.body = new Float64Array(buffer, next(8 * count), count);
    this.length = new Float64Array(buffer, next(8 * count), count);
    this.octets = new Float64Array(buffer, next(8 * count), count);
    this.head = new Uint32Array(buffer, next(4 * count), count);
    this.digest = Buffer.from(buffer, next(DIGEST * count), DIGEST * count);
    this.uidLength = new Uint8Array(buffer, next(count), count);
    this.flags = new Uint8Array(buffer, next(count), count);
    this.uids = Buffer.from(buffer, at, byteOffset + bytes.length - at);
  }

  /** The octets of all its messages. */
  get octetSum(): number {
    this.#octetSum ??= this.octets.reduce((sum, n) => sum + n, 0);
    return this.#octetSum;
  }

  /** Where in {@link uids} the uid of message `i` begins. */
  uidStart(i: number): number {
    if (this.#uidStart === undefined) {
      const starts = new Uint32Array(this.count);
      let at = 0;
      for (let j = 0; j < this.count; j++) {
        starts[j] = at;
        at += this.uidLength[j]!;
      }
      this.#uidStart = starts;
    }
    return this.#uidStart[i]!;
  }

  /** The unique id of message `i`. */
  uid(i: number): string {
    const length = this.uidLength[i]!;
    if (length === 0) return this.digest.toString("hex", i * DIGEST, (i + 1) * DIGEST);
    const at = this.uidStart(i);
    return this.uids.toString("latin1", at, at + length);
  }

  /** Whether message `i` was read by a mail reader. */
  seen(i: number): boolean {
    return (this.flags[i]! & SEEN) !== 0;
  }

  /** Message `i`. */
  message(i: number): IndexedMessage {
    const start = this.start[i]!;
    const digest = this.digest.toString("hex", i * DIGEST, (i + 1) * DIGEST);
    return {
      start,
      head: start + this.head[i]!,
      body: start + this.body[i]!,
      end: start + this.length[i]!,
      octets: this.octets[i]!,
      digest,
      uid: this.uidLength[i] === 0 ? digest : this.uid(i),
      seen: this.seen(i),
    };
  }

  /** Puts a message in place `i`; its uid is {@link addUid}'s business. */
  set(i: number, { start, head, body, end, octets, digest, seen }: Omit<IndexedMessage, "uid">): void {
    this.start[i] = start;
    this.head[i] = head - start;
    this.body[i] = body - start;
    this.length[i] = end - start;
    this.octets[i] = octets;
    this.digest.write(digest, i * DIGEST, "hex");
    this.flags[i] = seen ? SEEN : 0;
  }

  /** Puts message `from` of a scan in place `i`; its uid is {@link addUid}'s business. */
  setFound(i: number, found: FoundMessages, from: number): void {
    const start = found.start[from]!;
    this.start[i] = start;
    this.head[i] = found.head[from]! - start;
    this.body[i] = found.body[from]! - start;
    this.length[i] = found.end[from]! - start;
    this.octets[i] = found.octets[from]!;
    found.digest.copy(this.digest, i * DIGEST, from * DIGEST, (from + 1) * DIGEST);
    this.flags[i] = found.others.size > 0 && found.seen(from) ? SEEN : 0;
  }

  /** Copies `[from, to)` of another chunk to place `i`, moved by so many bytes; uids are not copied. */
  copy(i: number, other: MessageChunk, from: number, to: number, by: number): void {
    for (let j = from; j < to; j++) this.start[i + j - from] = other.start[j]! + by;
    for (const column of ["body", "length", "octets", "head", "uidLength", "flags"] as const) {
      this[column].set(other[column].subarray(from, to), i);
    }
    other.digest.copy(this.digest, i * DIGEST, from * DIGEST, to * DIGEST);
  }
}

/** An empty chunk with room for `count` messages and so many bytes of uids. */
export function emptyChunk(count: number, uidBytes: number): MessageChunk {
  const bytes = Buffer.from(new ArrayBuffer(HEAD + count * RECORD + uidBytes));
  return new MessageChunk(bytes, count);
}

/**
 * The bytes to store of a chunk.
 *
 * @param from number of its first message in the mailbox, from 0
 */
export function encodeChunk({ bytes, count }: MessageChunk, from: number): Buffer {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, 4);
  words[1] = MAGIC;
  words[2] = from;
  words[3] = count;
  words[0] = crc32(bytes.subarray(4));
  return bytes;
}

/** What a chunk must agree with. */
export interface ChunkPlace {
  /** Number of its first message. */
  readonly from: number;
  /** Where the message before it ends. */
  readonly after: number;
  /** Bytes of the mbox. */
  readonly size: number;
}

/**
 * The chunk that stored bytes are.
 *
 * @returns undefined when they are damaged, foreign, of another place, or make no sense
 */
export function decodeChunk(stored: Buffer, { from, after, size }: ChunkPlace): MessageChunk | undefined {
  if (stored.length < HEAD) return undefined;
  const bytes = stored.byteOffset % 8 === 0 ? stored : Buffer.from(new Uint8Array(stored).buffer);
  const [sum, magic, first, count] = new Uint32Array(bytes.buffer, bytes.byteOffset, 4) as unknown as [
    number,
    number,
    number,
    number,
  ];
  if (magic !== MAGIC || first !== from || count === 0 || count > CHUNK) return undefined;
  if (bytes.length < HEAD + count * RECORD || sum !== crc32(bytes.subarray(4))) return undefined;
  const chunk = new MessageChunk(bytes, count);
  return makesSense(chunk, after, size) ? chunk : undefined;
}

/** Whether messages follow each other within the file, and uids are ones. */
function makesSense(chunk: MessageChunk, after: number, size: number): boolean {
  const { count, start, head, body, length, octets, uidLength, uids } = chunk;
  let [before, uidBytes] = [after, 0];
  for (let i = 0; i < count; i++) {
    // Written so that what is not a number fails.
    const inOrder = start[i]! >= before && head[i]! <= body[i]! && body[i]! <= length[i]! && octets[i]! >= 0;
    if (!inOrder || uidLength[i]! > LONGEST_UID) return false;
    before = start[i]! + length[i]!;
    uidBytes += uidLength[i]!;
  }
  return before <= size && uidBytes === uids.length && uids.every((byte) => byte > 0x20 && byte < 0x7f);
}
