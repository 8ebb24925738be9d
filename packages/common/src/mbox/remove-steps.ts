/**
 * The steps of a removal: what stays moves to the front, a piece at a time, and each piece can be moved again.
 *
 * Think of the ranges that stay as one stream; the byte at offset n of the stream belongs at `target + n`. A step moves
 * the next bytes of the stream:
 *
 * - where the gap between where they lie and where they belong is smaller than a step, through the journal
 * - else as many as the gap is wide, straight within the mbox: the step overwrites nothing that it reads
 *
 * The gap never shrinks along the stream, so the steps through the journal come first. The last step cuts the file.
 *
 * Behind the removal's record the journal has two slots of a step each, used in turn: while one step is being
 * announced, the announcement of the one before it is still whole. A step is carried out only once its announcement is
 * on stable storage, and the next is announced only once the mbox is.
 */
import type { Hash } from "node:crypto";
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { readWhole, writeWhole } from "../fs/whole-io.ts";
import type { RemoveRecord } from "./journal.ts";
import { frame, readFrame, writeRecord } from "./journal.ts";
import { asMboxError } from "./mbox-error.ts";

/** One step. */
export interface RemoveStep {
  /** Counts from 0. */
  readonly number: number;
  /** Offset in the stream of what stays, bytes. */
  readonly offset: number;
  /** Bytes that move. */
  readonly length: number;
  /** Of the last step, which cuts the file: its length before, and the hash of its last bytes before that length. */
  readonly cut?: { readonly length: number; readonly tail: string };
  /** Hash of the bytes, when they stand in the journal. */
  readonly stored?: string;
}

/** Bytes of a slot in front of its data. */
const SLOT_HEAD = 512;
/** Bytes of a step where the disk has no room for more. */
export const SMALL_STEP = 64 * 1024;
/** Bytes copied at a time. */
const COPY = 256 * 1024;
const BLOCK = 4096;

/** Bytes that stay behind `target`. */
function streamLength(record: RemoveRecord): number {
  return record.keep.reduce((sum, [start, end]) => sum + end - start, 0);
}

/** The step that moves the stream from `offset` on; one of no length when all has moved. */
function stepAt(
  record: RemoveRecord,
  number: number,
  offset: number,
): { step: RemoveStep; through: boolean } {
  const left = streamLength(record) - offset;
  if (left === 0) return { step: { number, offset, length: 0 }, through: false };
  const [from] = pieces(record, offset, 1).next().value!;
  const gap = from - (record.target + offset);
  const through = gap < record.step;
  const length = Math.min(left, through ? record.step : gap);
  return { step: { number, offset, length }, through };
}

/** Reads the last step that was announced whole; undefined when none was. */
export async function lastStep(
  journal: FileHandle,
  record: RemoveRecord,
  recordLength: number,
): Promise<RemoveStep | undefined> {
  let last: RemoveStep | undefined;
  for (const slot of [0, 1]) {
    const at = slotPosition(record, recordLength, slot);
    const step = (await readFrame(journal, at))?.payload as RemoveStep | undefined;
    if (step === undefined || (last !== undefined && last.number > step.number)) continue;
    if (step.stored !== undefined) {
      // Room for the slots may not have come to the disk before the power went: then the announcement did, and its bytes not.
      if ((await journal.stat()).size < at + SLOT_HEAD + step.length) continue;
      const hash = createHash("sha256");
      await copy(journal, [[at + SLOT_HEAD, step.length]], undefined, 0, hash);
      if (hash.digest("hex") !== step.stored) continue;
    }
    last = step;
  }
  return last;
}

/**
 * Makes sure that the journal has room on its disk for every step to come, so that a full disk is found out before the
 * mbox is touched and not in the middle of a move.
 */
async function reserveSlots(journal: FileHandle, record: RemoveRecord, recordLength: number): Promise<void> {
  const zeros = Buffer.alloc(COPY);
  let offset = 0;
  for (const slot of [0, 1]) {
    const { step, through } = stepAt(record, slot, offset);
    const end = SLOT_HEAD + (through ? step.length : 0);
    const at = slotPosition(record, recordLength, slot);
    for (let done = 0; done < end; done += COPY) {
      await writeWhole(journal, zeros.subarray(0, Math.min(COPY, end - done)), at + done);
    }
    offset += step.length;
  }
}

/**
 * Announces a removal in an empty journal and carries it out. Where the disk has no room for steps of `step` bytes,
 * smaller ones are taken.
 *
 * @throws errors of the system; as long as the journal is empty then, nothing was touched
 */
export async function startRemoval(
  file: FileHandle,
  journal: FileHandle,
  plan: Omit<RemoveRecord, "step">,
  step: number,
): Promise<void> {
  const record = { ...plan, step };
  let recordLength: number;
  try {
    recordLength = await writeRecord(journal, record);
    await reserveSlots(journal, record, recordLength);
    await journal.sync();
  } catch (error) {
    await journal.truncate(0);
    await journal.sync();
    const { fault } = asMboxError("", error);
    if (step <= SMALL_STEP || (fault !== "no-space" && fault !== "quota")) throw error;
    return await startRemoval(file, journal, plan, SMALL_STEP);
  }
  await finishRemoval(file, journal, record, recordLength, undefined);
}

/** Moves what stays and cuts the rest off, going on from `done`, the last step that was carried out. */
export async function finishRemoval(
  file: FileHandle,
  journal: FileHandle,
  record: RemoveRecord,
  recordLength: number,
  done: RemoveStep | undefined,
): Promise<void> {
  let last = done;
  while (last?.cut === undefined) {
    const next =
      last === undefined ? stepAt(record, 0, 0) : stepAt(record, last.number + 1, last.offset + last.length);
    last = await announce(journal, file, record, recordLength, next);
    await carryOut(journal, file, record, recordLength, last);
  }
  await journal.truncate(0);
  // Durable before the lock goes: an old removal replayed over new mail would cost that mail.
  await journal.sync();
}

/** Announces a step: its bytes first when they go through the journal, then what it is; synced. */
async function announce(
  journal: FileHandle,
  file: FileHandle,
  record: RemoveRecord,
  recordLength: number,
  next: { step: RemoveStep; through: boolean },
): Promise<RemoveStep> {
  const at = slotPosition(record, recordLength, next.step.number % 2);
  let step = next.step;
  if (step.length === 0) {
    step = { ...step, cut: { length: record.length, tail: await tailHash(file, record, record.length) } };
  } else if (next.through) {
    const sources = pieces(record, step.offset, step.length);
    const hash = createHash("sha256");
    await copy(file, sources, journal, at + SLOT_HEAD, hash);
    step = { ...step, stored: hash.digest("hex") };
  }
  await writeWhole(journal, frame(step), at);
  await journal.datasync();
  return step;
}

/** Carries out an announced step, once more if need be; synced. */
export async function carryOut(
  journal: FileHandle,
  file: FileHandle,
  record: RemoveRecord,
  recordLength: number,
  step: RemoveStep,
): Promise<void> {
  const target = record.target + step.offset;
  if (step.cut !== undefined) {
    await file.truncate(target);
  } else if (step.stored !== undefined) {
    const at = slotPosition(record, recordLength, step.number % 2) + SLOT_HEAD;
    await copy(journal, [[at, step.length]], file, target);
  } else {
    await copy(file, pieces(record, step.offset, step.length), file, target);
  }
  await file.sync();
}

/** Whether the cut that was announced has still to be made; the file may have got new mail before it or behind it. */
export async function isUncut(
  file: FileHandle,
  record: RemoveRecord,
  cut: NonNullable<RemoveStep["cut"]>,
): Promise<boolean> {
  if ((await file.stat()).size < cut.length) return false;
  return (await tailHash(file, record, cut.length)) === cut.tail;
}

/** Hash of the last of the bytes before `length` that the cut takes away. */
async function tailHash(file: FileHandle, record: RemoveRecord, length: number): Promise<string> {
  const start = Math.max(record.target + streamLength(record), length - BLOCK);
  const hash = createHash("sha256");
  await copy(file, [[start, length - start]], undefined, 0, hash);
  return hash.digest("hex");
}

/** Where a slot begins: aligned, so that two slots never share a block of the disk. */
function slotPosition(record: RemoveRecord, recordLength: number, slot: number): number {
  const align = (n: number) => Math.ceil(n / BLOCK) * BLOCK;
  return align(recordLength) + slot * align(SLOT_HEAD + record.step);
}

/** Where `length` bytes of the stream from `offset` on lie in the mbox: position and length of each piece. */
function* pieces(
  record: RemoveRecord,
  offset: number,
  length: number,
): Generator<readonly [number, number], undefined> {
  let skip = offset;
  let left = length;
  for (const [start, end] of record.keep) {
    if (left === 0) return;
    const size = end - start;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    const take = Math.min(size - skip, left);
    yield [start + skip, take];
    skip = 0;
    left -= take;
  }
}

/** Copies pieces of one file to one place in another, or only hashes them. */
async function copy(
  from: FileHandle,
  sources: Iterable<readonly [number, number]>,
  to: FileHandle | undefined,
  target: number,
  hash?: Hash,
): Promise<void> {
  const buffer = Buffer.allocUnsafe(COPY);
  let used = 0;
  const flush = async () => {
    const bytes = buffer.subarray(0, used);
    hash?.update(bytes);
    if (to !== undefined) await writeWhole(to, bytes, target);
    target += used;
    used = 0;
  };
  for (const [start, length] of sources) {
    for (let done = 0; done < length; ) {
      const want = Math.min(COPY - used, length - done);
      const got = await readWhole(from, buffer.subarray(used, used + want), start + done);
      if (got < want) throw new Error(`the file ends before byte ${start + done + want}`);
      used += got;
      done += got;
      if (used === COPY) await flush();
    }
  }
  if (used > 0) await flush();
}
