/**
 * How the end of an mbox is replaced by longer bytes, so that a kill or a power loss at any point leaves it done or not done.
 *
 * The new bytes go to the journal first, whole. Then the mbox gets its new length, in zeros that take their room on the
 * disk, and then the bytes:
 *
 *     [0, 4096)      the record; its hash of the bytes is there once they are
 *     [4096, 8192)   a mark that the mbox has its new length
 *     [8192, …)      the bytes
 *
 * Before the mark nothing of the mbox is overwritten, and what is to be undone are the zeros; behind it the bytes are
 * written, again if need be. Mail that another program appends after a crash lies behind the zeros or behind the new
 * length, and stays.
 */
import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { readWhole, writeWhole } from "../fs/whole-io.ts";
import type { ReplaceRecord } from "./journal.ts";
import { frame, readFrame } from "./journal.ts";
import type { Replayed } from "./replay.ts";

/** Some of the new bytes: given, or part of a file. */
export type Piece = Buffer | { readonly file: FileHandle; readonly start: number; readonly end: number };

const MARK_AT = 4096;
const DATA_AT = 8192;
/** Bytes copied at a time. */
const COPY = 256 * 1024;
const MARK = { mark: "extended" } as const;

/** Bytes of a piece. */
export function lengthOf(piece: Piece): number {
  return Buffer.isBuffer(piece) ? piece.length : piece.end - piece.start;
}

/**
 * Replaces `[at, length)` as the plan says, through an empty journal.
 *
 * @throws errors of the system; as long as the journal is empty then, nothing was touched
 */
export async function startReplacement(
  file: FileHandle,
  journal: FileHandle,
  plan: Omit<ReplaceRecord, "sum">,
  pieces: readonly Piece[],
): Promise<void> {
  const record = await announce(journal, plan, pieces);
  if ((await file.stat()).size !== plan.length) {
    // A program that heeds no lock appended while the bytes were copied; its mail is not overwritten.
    await journal.truncate(0);
    await journal.sync();
    throw new Error("was written to by a program that does not heed the lock");
  }
  await fill(file, journal, plan.length, plan.at + plan.bytes);
  await carryOut(file, journal, record);
  await journal.truncate(0);
  // Durable before the lock goes: old bytes written over new mail would cost that mail.
  await journal.sync();
}

/** Brings the bytes and the record to the journal; when that fails the journal says nothing and the mbox is untouched. */
async function announce(
  journal: FileHandle,
  plan: Omit<ReplaceRecord, "sum">,
  pieces: readonly Piece[],
): Promise<ReplaceRecord> {
  try {
    // A record without its sum keeps what messages look like from being taken for a journal.
    await writeWhole(journal, frame({ ...plan, sum: "" }), 0);
    const hash = createHash("sha256");
    const writer = new Writer(journal, DATA_AT, hash);
    for (const piece of pieces) await writer.put(piece);
    await writer.flush();
    await journal.sync();
    const record = { ...plan, sum: hash.digest("hex") };
    await writeWhole(journal, frame(record), 0);
    await journal.sync();
    return record;
  } catch (error) {
    await journal.truncate(0);
    await journal.sync();
    throw error;
  }
}

/** Gives the mbox its new length, and says so; a disk that is too full for it is found out before bytes are overwritten. */
async function fill(file: FileHandle, journal: FileHandle, from: number, to: number): Promise<void> {
  const zeros = Buffer.alloc(Math.min(COPY, to - from));
  try {
    for (let done = from; done < to; done += COPY) {
      await writeWhole(file, zeros.subarray(0, Math.min(COPY, to - done)), done);
    }
    await file.sync();
    await writeWhole(journal, frame(MARK), MARK_AT);
    await journal.sync();
  } catch (error) {
    await file.truncate(from);
    await file.sync();
    await journal.truncate(0);
    await journal.sync();
    throw error;
  }
}

/** Writes the announced bytes to their place, once more if need be; synced. */
async function carryOut(file: FileHandle, journal: FileHandle, record: ReplaceRecord): Promise<void> {
  const writer = new Writer(file, record.at, undefined);
  await writer.put({ file: journal, start: DATA_AT, end: DATA_AT + record.bytes });
  await writer.flush();
  await file.sync();
}

/** Finishes or undoes a replacement that a journal speaks of, and says which. */
export async function replayReplacement(
  file: FileHandle,
  journal: FileHandle,
  record: ReplaceRecord,
): Promise<Replayed> {
  if (record.sum === "") return "a change had not begun, nothing to mend";
  const mark = (await readFrame(journal, MARK_AT))?.payload as { mark?: unknown } | undefined;
  const { size } = await file.stat();
  if (mark?.mark !== MARK.mark) return await undoFilling(file, record, size);
  if (size < record.at + record.bytes) return "another program shortened it during a change, left as it is";
  if ((await sumOf(journal, record)) !== record.sum) throw new Error("the journal is damaged");
  await carryOut(file, journal, record);
  return `an unfinished change was finished, ${record.length} bytes became ${record.at + record.bytes}`;
}

/** Takes the zeros out again: nothing else has been done yet. */
async function undoFilling(
  file: FileHandle,
  { device, inode, born, boot, length, at, bytes }: ReplaceRecord,
  size: number,
): Promise<Replayed> {
  const zeros = await zerosFrom(file, length, Math.min(size, at + bytes));
  if (zeros === 0) return "a change had not begun, nothing to mend";
  if (length + zeros === size) {
    await file.truncate(length);
    await file.sync();
    return "an unfinished change was undone";
  }
  const subject = { device, inode, boot, ...(born !== undefined && { born }) };
  return {
    removal: { kind: "remove", ...subject, length: size, target: length, keep: [[length + zeros, size]] },
    outcome: "an unfinished change was undone, another program's mail behind it stays",
  };
}

async function zerosFrom(file: FileHandle, from: number, to: number): Promise<number> {
  const buffer = Buffer.alloc(COPY);
  for (let done = from; done < to; ) {
    const part = buffer.subarray(
      0,
      await readWhole(file, buffer.subarray(0, Math.min(COPY, to - done)), done),
    );
    const other = part.findIndex((byte) => byte !== 0);
    if (other >= 0) return done + other - from;
    if (part.length === 0) return done - from;
    done += part.length;
  }
  return Math.max(0, to - from);
}

async function sumOf(journal: FileHandle, { bytes }: ReplaceRecord): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(COPY);
  for (let done = 0; done < bytes; ) {
    const part = buffer.subarray(0, Math.min(COPY, bytes - done));
    if ((await readWhole(journal, part, DATA_AT + done)) < part.length) return "";
    hash.update(part);
    done += part.length;
  }
  return hash.digest("hex");
}

/** Gathers pieces into large writes. */
class Writer {
  readonly #to: FileHandle;
  readonly #hash: Hash | undefined;
  readonly #buffer = Buffer.allocUnsafe(COPY);
  #at: number;
  #used = 0;

  constructor(to: FileHandle, at: number, hash: Hash | undefined) {
    this.#to = to;
    this.#at = at;
    this.#hash = hash;
  }

  async put(piece: Piece): Promise<void> {
    const length = lengthOf(piece);
    for (let done = 0; done < length; ) {
      const room = this.#buffer.subarray(this.#used, this.#used + Math.min(COPY - this.#used, length - done));
      if (Buffer.isBuffer(piece)) piece.copy(room, 0, done);
      else if ((await readWhole(piece.file, room, piece.start + done)) < room.length) {
        throw new Error(`a file ends before byte ${piece.end}`);
      }
      this.#used += room.length;
      done += room.length;
      if (this.#used === COPY) await this.flush();
    }
  }

  async flush(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#hash?.update(bytes);
    await writeWhole(this.#to, bytes, this.#at);
    this.#at += bytes.length;
    this.#used = 0;
  }
}
