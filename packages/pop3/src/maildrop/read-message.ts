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
 * Yields the bytes `[from, to)`, reading one piece ahead. Each piece is good until the next is asked for.
 *
 * @throws MailboxChanged when the file is shorter; errors of the system
 */
export async function* readPieces(file: FileHandle, from: number, to: number): AsyncGenerator<Buffer> {
  const size = Math.min(PIECE, Math.max(0, to - from));
  let buffer: Buffer = Buffer.allocUnsafe(size);
  let other: Buffer | undefined;
  const read = (into: Buffer, at: number) => {
    const reading = file.read(into, 0, Math.min(size, to - at), at);
    // It is awaited after the piece before it was used; a failure until then is not an unhandled one.
    reading.catch(() => undefined);
    return reading;
  };
  let at = from;
  let pending = at < to ? read(buffer, at) : undefined;
  try {
    while (pending !== undefined) {
      const { bytesRead } = await pending;
      if (bytesRead === 0) throw new MailboxChanged(`cut short: ${at} of ${to} bytes`);
      at += bytesRead;
      const piece = buffer.subarray(0, bytesRead);
      pending = undefined;
      if (at < to) {
        const next: Buffer = other ?? Buffer.allocUnsafe(size);
        other = buffer;
        buffer = next;
        pending = read(buffer, at);
      }
      yield piece;
    }
  } finally {
    // The file may be closed by whoever stops early, but not under a read.
    await pending?.catch(() => undefined);
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
  { head, body }: Pick<IndexedMessage, "head" | "body">,
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

/** Where {@link topOf} ends in a message that is in memory from its header on. */
export function topEnd(
  bytes: Buffer,
  { head, body }: Pick<IndexedMessage, "head" | "body">,
  lines: number,
): number {
  let at = Math.min(body - head, bytes.length);
  for (let left = lines; left > 0 && at < bytes.length; left--) {
    const found = bytes.indexOf(LF, at);
    at = found < 0 ? bytes.length : found + 1;
  }
  return at;
}
