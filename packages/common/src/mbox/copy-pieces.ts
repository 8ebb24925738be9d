/**
 * Copies pieces of a file to one place, the way that costs the least: what lies close together is read at once, with
 * what lies between, and pushed together in memory; the next bytes are read while the last ones are being written.
 *
 * A mailbox of which every second message goes has tens of thousands of pieces, and a system call and a turn of the
 * event loop for each cost five times as much as moving the bytes.
 */
import type { Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { readWhole, writeWhole } from "../fs/whole-io.ts";

/** Position and length of some bytes of a file. */
export type Piece = readonly [position: number, length: number];

/** Bytes copied at a time. */
const COPY = 1024 * 1024;
/** A hole of up to so many bytes is read along. */
const HOLE = 128 * 1024;

/** What to copy, and where to. */
export interface Copying {
  readonly from: FileHandle;
  readonly pieces: Iterable<Piece>;
  /** Undefined to hash only. */
  readonly to?: FileHandle;
  /** Offset in `to`, bytes. */
  readonly target?: number;
  readonly hash?: Hash;
}

/**
 * Copies. Source and target may be one file as long as no byte of the source is overwritten.
 *
 * @throws errors of the system; Error when the source ends too early
 */
export async function copyPieces({ from, pieces, to, target = 0, hash }: Copying): Promise<void> {
  const groups = groupsOf(pieces);
  let next: Group | undefined = groups.next().value;
  if (next === undefined) return;
  let at = target;
  let buffer: Buffer = Buffer.allocUnsafe(bufferSize(next));
  let other: Buffer | undefined;
  let writing: Promise<void> = Promise.resolve();
  try {
    while (next !== undefined) {
      const group: Group = next;
      if (buffer.length < group.span) buffer = Buffer.allocUnsafe(COPY);
      const got = await readWhole(from, buffer.subarray(0, group.span), group.start);
      if (got < group.span) throw new Error(`the file ends before byte ${group.start + group.span}`);
      const bytes = pushedTogether(buffer, group);
      hash?.update(bytes);
      await writing;
      if (to !== undefined) {
        writing = writeWhole(to, bytes, at);
        // It is awaited before the next write; a failure until then is not an unhandled one.
        writing.catch(() => undefined);
      }
      at += bytes.length;
      next = groups.next().value;
      if (next !== undefined && to !== undefined) {
        [buffer, other] = [other ?? Buffer.allocUnsafe(bufferSize(next)), buffer];
      }
    }
  } finally {
    await writing;
  }
}

/** Pieces that are read at once. */
interface Group {
  readonly start: number;
  /** Bytes from the start of the first piece to the end of the last. */
  span: number;
  readonly pieces: Piece[];
}

/** Most copies are small. */
function bufferSize({ span }: Group): number {
  return span > COPY / 4 ? COPY : span;
}

function* groupsOf(pieces: Iterable<Piece>): Generator<Group, undefined> {
  let group: Group | undefined;
  for (const [position, length] of pieces) {
    for (let done = 0; done < length; ) {
      const start = position + done;
      const hole: number = group === undefined ? 0 : start - group.start - group.span;
      if (group !== undefined && (hole < 0 || hole > HOLE || group.span + hole >= COPY)) {
        yield group;
        group = undefined;
      }
      group ??= { start, span: 0, pieces: [] };
      const room: number = COPY - (start - group.start);
      const some: number = Math.min(length - done, room);
      group.pieces.push([start, some]);
      group.span = start - group.start + some;
      done += some;
    }
  }
  if (group !== undefined) yield group;
}

/** Closes the holes of a group that was read into a buffer. */
function pushedTogether(buffer: Buffer, { start, span, pieces }: Group): Buffer {
  if (pieces.length === 1) return buffer.subarray(0, span);
  let used = 0;
  for (const [position, length] of pieces) {
    const at = position - start;
    if (at !== used) buffer.copyWithin(used, at, at + length);
    used += length;
  }
  return buffer.subarray(0, used);
}
