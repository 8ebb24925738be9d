/**
 * The lines of LIST and UIDL, some thousand at a time, written straight from the index's columns into bytes: clients that
 * leave their mail on the server ask for all of them at each login.
 */
import type { Maildrop } from "../maildrop/maildrop.ts";
import { CHUNK, DIGEST, LONGEST_UID, type MessageChunk } from "../maildrop/message-chunk.ts";

/** A number of up to 2^53, a space, an id or another number, CR LF. */
const LONGEST_LINE = 16 + 1 + LONGEST_UID + 2;
const [SPACE, CR, LF, ZERO] = [0x20, 0x0d, 0x0a, 0x30];
/** The hexadecimal digits of each byte. */
const HEX = Buffer.from(Buffer.from(Array.from({ length: 256 }, (_, i) => i)).toString("hex"));

/** The lines of the messages that are not deleted, a chunk at a time. */
export function* listingPieces(drop: Maildrop, what: "octets" | "uid"): Generator<Buffer> {
  for (const [i, chunk] of drop.messages.chunks.entries()) yield pieceOf(drop, chunk, i * CHUNK + 1, what);
}

function pieceOf(drop: Maildrop, chunk: MessageChunk, first: number, what: "octets" | "uid"): Buffer {
  const out = Buffer.allocUnsafe(chunk.count * LONGEST_LINE);
  const anyDeleted = drop.deletedCount > 0;
  let at = 0;
  for (let i = 0; i < chunk.count; i++) {
    const number = first + i;
    if (anyDeleted && drop.isDeleted(number)) continue;
    at = putNumber(out, at, number);
    out[at++] = SPACE;
    at = what === "octets" ? putNumber(out, at, chunk.octets[i]!) : putUid(out, at, chunk, i);
    out[at++] = CR;
    out[at++] = LF;
  }
  return out.subarray(0, at);
}

function putUid(out: Buffer, at: number, chunk: MessageChunk, i: number): number {
  const length = chunk.uidLength[i]!;
  if (length > 0) {
    const from = chunk.uidStart(i);
    for (let j = 0; j < length; j++) out[at + j] = chunk.uids[from + j]!;
    return at + length;
  }
  const { digest } = chunk;
  for (let j = i * DIGEST; j < (i + 1) * DIGEST; j++) {
    const digits = 2 * digest[j]!;
    out[at++] = HEX[digits]!;
    out[at++] = HEX[digits + 1]!;
  }
  return at;
}

/** Writes a number, which is not negative; returns the place behind it. */
function putNumber(out: Buffer, at: number, number: number): number {
  let end = at + 1;
  for (let rest = number; rest >= 10; rest = Math.floor(rest / 10)) end++;
  let rest = number;
  for (let place = end - 1; place >= at; place--) {
    const tens = Math.floor(rest / 10);
    out[place] = ZERO + rest - tens * 10;
    rest = tens;
  }
  return end;
}
