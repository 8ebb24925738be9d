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

/** Whether a message still starts where the index says. */
export async function startsAt(file: FileHandle, { start }: IndexedMessage): Promise<boolean> {
  const found = Buffer.alloc(FROM.length);
  const { bytesRead } = await file.read(found, 0, found.length, start);
  return bytesRead === found.length && found.equals(FROM);
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
 * Yields a message's header, the empty line behind it, and so many lines of its body (TOP).
 *
 * @throws as {@link readPieces}
 */
export async function* readTop(
  file: FileHandle,
  message: IndexedMessage,
  lines: number,
): AsyncGenerator<Buffer> {
  const { head, body, end } = message;
  yield* readPieces(file, head, body);
  let left = lines;
  if (left === 0) return;
  for await (const piece of readPieces(file, body, end)) {
    let at = 0;
    while (left > 0) {
      const found = piece.indexOf(LF, at);
      if (found < 0) break;
      at = found + 1;
      left--;
    }
    if (left === 0) {
      yield piece.subarray(0, at);
      return;
    }
    yield piece;
  }
}
