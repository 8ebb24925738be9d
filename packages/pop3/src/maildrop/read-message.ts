/**
 * Reads a message's bytes out of the mbox, a piece at a time.
 */
import type { FileHandle } from "node:fs/promises";
import type { IndexedMessage } from "./mailbox-index.ts";

/** Bytes read at a time: all of a message that is in memory. */
const PIECE = 64 * 1024;
const LF = 10;
const FROM = Buffer.from("From ");

/** The mbox is not what the index says it is. */
export class MailboxChanged extends Error {
  override readonly name = "MailboxChanged";
}

/**
 * Yields the bytes `[from, to)`. Each piece is good until the next is asked for.
 *
 * @throws MailboxChanged when the file is shorter; errors of the system
 */
export async function* readPieces(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, Math.max(0, to - from)));
  for (let at = from; at < to; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, to - at), at);
    if (bytesRead === 0) throw new MailboxChanged(`cut short: ${at} of ${to} bytes`);
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/**
 * Opens a message for reading, `From ` line left out; its first piece is read at once.
 *
 * @returns undefined when no message starts where the index says
 * @throws as {@link readPieces}
 */
export async function openMessage(
  file: FileHandle,
  { start, head, end }: IndexedMessage,
): Promise<AsyncGenerator<Buffer> | undefined> {
  const pieces = readPieces(file, start, end);
  const first = await pieces.next();
  if (first.done === true || !first.value.subarray(0, FROM.length).equals(FROM)) return undefined;
  return behind(first.value, pieces, head - start);
}

/** A stream without its first `skip` bytes, all of them in its first piece. */
async function* behind(first: Buffer, rest: AsyncGenerator<Buffer>, skip: number): AsyncGenerator<Buffer> {
  if (first.length > skip) yield first.subarray(skip);
  yield* rest;
}

/**
 * Of a message that {@link openMessage} opened, its header, the empty line behind it, and so many lines of its body (TOP).
 *
 * @throws as {@link readPieces}
 */
export async function* topOf(
  pieces: AsyncIterable<Buffer>,
  { head, body }: IndexedMessage,
  lines: number,
): AsyncGenerator<Buffer> {
  let header = body - head;
  let left = lines;
  for await (const piece of pieces) {
    let at = Math.min(header, piece.length);
    header -= at;
    while (header === 0 && left > 0 && at < piece.length) {
      const found = piece.indexOf(LF, at);
      at = found < 0 ? piece.length : found + 1;
      if (found >= 0) left--;
    }
    yield piece.subarray(0, at);
    if (header === 0 && left === 0) return;
  }
}
