/**
 * One mailbox out of two that may share messages: those of the first in their order, then what the second alone has.
 *
 * A message is the same in both when its `From ` line, its header less the fields that programs change, and its body agree;
 * then the second file's copy counts. A message that stands twice in one file is two messages.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { readWhole } from "../fs/whole-io.ts";
import type { Piece } from "./replacement.ts";
import { type MessageSpan, scanMbox } from "./scan.ts";

/** The mailbox that comes out. */
export interface Merged {
  /** Its bytes. What stands before the second file's first message is in front. */
  readonly pieces: readonly Piece[];
  /** Messages of the first file that the second has not. */
  readonly added: number;
  /** Bytes of the first file that belong to no message. */
  readonly junk: number;
}

const COPY = 64 * 1024;
/** The digest of a message covers this much of its header; of one that has more every byte is compared. */
const DIGESTED = 48 * 1024;

/** A message of one file. */
interface Located {
  readonly file: FileHandle;
  readonly span: MessageSpan;
  /** Where the next message starts, or the file ends. */
  readonly until: number;
}

/** Works out the pieces; both files stay as they are until the pieces have been used. */
export async function mergedPieces(mailbox: FileHandle, older: FileHandle): Promise<Merged> {
  const ours = await messagesOf(mailbox);
  const theirs = await messagesOf(older);
  const byDigest = new Map<string, Located[]>();
  for (const message of ours) {
    const key = message.span.digest;
    const some = byDigest.get(key);
    if (some === undefined) byDigest.set(key, [message]);
    else some.push(message);
  }
  const used = new Set<Located>();
  const order: Located[] = [];
  let added = 0;
  for (const [i, message] of theirs.entries()) {
    const twin =
      (await twinOf(message, byDigest.get(message.span.digest) ?? [], used)) ??
      (i === theirs.length - 1 ? await wholeOf(message, ours, used) : undefined);
    if (twin === undefined) added++;
    else used.add(twin);
    order.push(twin ?? message);
  }
  for (const message of ours) if (!used.has(message)) order.push(message);
  const { size } = await mailbox.stat();
  const front = ours[0]?.span.start ?? size;
  const pieces: Piece[] = front > 0 ? [{ file: mailbox, start: 0, end: front }] : [];
  // Without an empty line before it, the first message would not be one any more.
  if (front > 0) pieces.push(await missingEnd(mailbox, 0, front));
  for (const { file, span, until } of order) {
    // The mailbox keeps each of its bytes, line ends of two octets too: the result is never shorter than it.
    const end = file === mailbox ? until : span.end;
    pieces.push({ file, start: span.start, end });
    pieces.push(await missingEnd(file, span.start, end, file !== mailbox));
  }
  return { pieces, added, junk: theirs[0]?.span.start ?? (await older.stat()).size };
}

async function messagesOf(file: FileHandle): Promise<Located[]> {
  const found: MessageSpan[] = [];
  const { size } = await file.stat();
  for await (const spans of scanMbox(file, 0, size)) found.push(...spans);
  return found.map((span, i) => ({ file, span, until: found[i + 1]?.start ?? size }));
}

/** The unused one among `candidates` that is the same message. */
async function twinOf(
  message: Located,
  candidates: readonly Located[],
  used: ReadonlySet<Located>,
): Promise<Located | undefined> {
  const free = candidates.filter((candidate) => !used.has(candidate));
  if (free.length === 0) return undefined;
  const sum = await sumOf(message);
  for (const candidate of free) if ((await sumOf(candidate)) === sum) return candidate;
  return undefined;
}

/** Of a last message that was cut short in copying, the whole one. */
async function wholeOf(
  { file, span }: Located,
  candidates: readonly Located[],
  used: ReadonlySet<Located>,
): Promise<Located | undefined> {
  const length = span.end - span.start;
  const first = Buffer.alloc(Math.min(length, COPY));
  await readWhole(file, first, span.start);
  const same = Buffer.alloc(first.length);
  for (const candidate of candidates) {
    if (used.has(candidate) || candidate.span.end - candidate.span.start < length) continue;
    await readWhole(candidate.file, same, candidate.span.start);
    if (!same.equals(first)) continue;
    const { start } = candidate.span;
    if (
      (await hashOf(file, span.start, span.end)) === (await hashOf(candidate.file, start, start + length))
    ) {
      return candidate;
    }
  }
  return undefined;
}

/** What the digest of a message does not cover. */
async function sumOf({ file, span: { start, body, end } }: Located): Promise<string> {
  return await hashOf(file, body - start > DIGESTED ? start : body, end);
}

async function hashOf(file: FileHandle, start: number, end: number): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(COPY, end - start)));
  for (let at = start; at < end; ) {
    const part = buffer.subarray(0, await readWhole(file, buffer.subarray(0, Math.min(COPY, end - at)), at));
    if (part.length === 0) break;
    hash.update(part);
    at += part.length;
  }
  return hash.digest("hex");
}

/**
 * What `[start, end)` lacks of an empty line behind it.
 *
 * @param message it is a message, whose own empty last line is not the one
 */
async function missingEnd(file: FileHandle, start: number, end: number, message = false): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(3, end - start));
  await readWhole(file, tail, end - tail.length);
  const text = tail.toString("latin1");
  if (!text.endsWith("\n")) return Buffer.from("\n\n");
  return Buffer.from(!message && (text.endsWith("\n\n") || text === "\n\r\n") ? "" : "\n");
}
