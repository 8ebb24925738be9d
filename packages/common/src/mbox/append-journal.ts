/**
 * What the journal says of an append: not only where it began, but which bytes are ours.
 *
 * A process that dies leaves part of its batch behind the old mail. The kernel's lock goes with it, and a program that
 * heeds no `NAME.lock` may append mail of its own before the batch is undone: that mail must stay. So every write to the
 * mbox is announced with its bytes, and what is undone is what was announced, never merely "the rest of the file".
 *
 * The journal has two slots, used in turn, so that while one write is being announced the announcement of the one before
 * it is still whole. A slot has a frame, padded to {@link CHUNK_HEAD} bytes, and the bytes behind it. Nothing of it is
 * synced: it counts only in the boot that wrote it, for which the system's cache is enough.
 */
import type { FileHandle } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { readWhole, writeWhole } from "../fs/whole-io.ts";
import type { AppendRecord } from "./journal.ts";
import { frame, readFrame } from "./journal.ts";

/** Bytes in front of a slot's data. */
export const CHUNK_HEAD = 512;
/** The most bytes of one write. */
export const LARGEST_CHUNK = 256 * 1024;
/** Bytes from one slot to the next, a whole number of the disk's blocks. */
const SLOT = LARGEST_CHUNK + 4096;
/** Bytes compared at a time. */
const COMPARED = 64 * 1024;

/** Of a batch's earlier writes so many bytes … */
const SAMPLE = 4 * 1024;
/** … of every so many are summed up, and as many at the end of the last one. */
const SAMPLED = 32 * 1024;

/** An announcement found in a journal. */
export interface Announced {
  readonly record: AppendRecord;
  /** Offset in the journal of the announced bytes. */
  readonly at: number;
}

/**
 * Announces a write.
 *
 * @param number counts the writes of the batch from 0
 * @param buffer {@link CHUNK_HEAD} bytes of room, then the bytes that will be written at `record.start`
 */
export async function announceChunk(
  journal: FileHandle,
  number: number,
  record: AppendRecord,
  buffer: Buffer,
): Promise<void> {
  const head = frame(record);
  head.copy(buffer);
  buffer.fill(0, head.length, CHUNK_HEAD);
  await writeWhole(journal, buffer, (number % 2) * SLOT);
}

/** Finds the last write that was announced; undefined when the journal speaks of no append. */
export async function lastChunk(journal: FileHandle): Promise<Announced | undefined> {
  let last: Announced | undefined;
  for (const slot of [0, SLOT]) {
    const record = (await readFrame(journal, slot))?.payload as AppendRecord | undefined;
    if (record === undefined) continue;
    // A removal: what stands farther behind are bytes of messages, whatever they look like.
    if (record.kind !== "append") return undefined;
    if (last === undefined || record.start > last.record.start) last = { record, at: slot + CHUNK_HEAD };
  }
  return last;
}

/** What is remembered of a batch's earlier writes. */
export interface WrittenSums {
  /** CRC-32 of samples of all of them; see {@link sampleSum}. */
  readonly samples: number;
  /** CRC-32 of the last {@link WrittenSums.tailBytes} of them: whatever is put in or taken out before moves these. */
  readonly tail: number;
  readonly tailBytes: number;
}

/** Of no writes. */
export const NOTHING_WRITTEN: WrittenSums = { samples: 0, tail: 0, tailBytes: 0 };

/**
 * Sums up one more write of a batch. Samples and the end tell a mailbox that was rewritten since, unless it was changed in place: to sum up
 * all of it was a seventh of what a large message costs here.
 *
 * @param at offset of `bytes` in the batch
 */
export function withWritten({ samples }: WrittenSums, bytes: Buffer, at: number): WrittenSums {
  const tailBytes = Math.min(SAMPLE, bytes.length);
  const tail = crc32(bytes.subarray(bytes.length - tailBytes));
  return { samples: sampleSum(bytes, at, samples), tail, tailBytes };
}

/** CRC-32 of samples: which bytes they are goes by their offset in the batch alone. */
function sampleSum(bytes: Buffer, at: number, sum: number): number {
  for (let block = at - (at % SAMPLED); block < at + bytes.length; block += SAMPLED) {
    const [from, to] = [Math.max(block - at, 0), Math.min(block + SAMPLE - at, bytes.length)];
    if (from < to) sum = crc32(bytes.subarray(from, to), sum);
  }
  return sum;
}

/** Whether what a batch wrote before its last announcement is still there. */
async function isAsWritten(file: FileHandle, record: AppendRecord, buffer: Buffer): Promise<boolean> {
  // A record of an earlier version has one sum of all bytes.
  const { length, start, before, written = NOTHING_WRITTEN } = record;
  let sum = 0;
  for (let done = length; done < start; ) {
    const part = buffer.subarray(0, Math.min(COMPARED, start - done));
    if ((await readWhole(file, part, done)) < part.length) return false;
    sum = before === undefined ? sampleSum(part, done - length, sum) : crc32(part, sum);
    done += part.length;
  }
  if (sum !== (before ?? written.samples)) return false;
  const tail = buffer.subarray(0, written.tailBytes);
  return (await readWhole(file, tail, start - tail.length)) === tail.length && crc32(tail) === written.tail;
}

/**
 * Where in the mbox the bytes of an append end; `record.length` when none is there.
 *
 * @returns undefined when what was written before the last announcement is not there any more: the mbox was rewritten
 */
export async function endOfOurs(
  file: FileHandle,
  journal: FileHandle,
  { record, at }: Announced,
): Promise<number | undefined> {
  const [ours, theirs] = [Buffer.alloc(COMPARED), Buffer.alloc(COMPARED)];
  if (!(await isAsWritten(file, record, theirs))) return undefined;
  for (let done = 0; done < record.bytes; ) {
    const want = Math.min(COMPARED, record.bytes - done);
    const announced = ours.subarray(0, await readWhole(journal, ours.subarray(0, want), at + done));
    const found = theirs.subarray(0, await readWhole(file, theirs.subarray(0, want), record.start + done));
    const same = samePrefix(announced, found);
    done += same;
    if (same < want) return record.start + done;
  }
  return record.start + record.bytes;
}

function samePrefix(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length);
  if (a.subarray(0, length).equals(b.subarray(0, length))) return length;
  let same = 0;
  while (a[same] === b[same]) same++;
  return same;
}
