/**
 * The steps of a removal: what stays moves to the front, a piece at a time, and each piece can be moved again.
 *
 * A step moves the next bytes of the stream of what stays (kept-stream.ts):
 *
 * - where the gap between where they lie and where they belong is smaller than a step, through the journal
 * - else as many as the gap is wide, straight within the mbox: the step overwrites nothing that it reads
 *
 * The gap never shrinks along the stream, so the steps through the journal come first. The last step cuts the file.
 *
 * Behind the removal's record the journal has two slots of a step each, used in turn: while one step is being
 * announced, the announcement of the one before it is still whole. A step is carried out only once its announcement is
 * on stable storage, and the next is announced only once the mbox is. These two syncs a step are what a power loss asks
 * for: a step overwrites what the one before it moved, so the moved bytes must be there; and whoever goes on must know
 * which step was begun, since the one before it could not be made again.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { writeWhole } from "../fs/whole-io.ts";
import { copyPieces } from "./copy-pieces.ts";
import type { RemoveRecord } from "./journal.ts";
import { frame, readFrame, writeRecord } from "./journal.ts";
import { KeptStream } from "./kept-stream.ts";
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

/** A removal that is announced in a journal. */
export interface Removal {
  readonly file: FileHandle;
  readonly journal: FileHandle;
  readonly record: RemoveRecord;
  readonly stream: KeptStream;
  /** Bytes that the record takes in the journal. */
  readonly recordLength: number;
}

/** A step that comes next, and whether its bytes go through the journal. */
interface NextStep {
  readonly step: RemoveStep;
  readonly through: boolean;
}

/** Bytes of a slot in front of its data. */
const SLOT_HEAD = 512;
/** Bytes of a step where the disk has no room for more. */
export const SMALL_STEP = 64 * 1024;
/** Bytes of room that are written at a time. */
const ZEROS = 256 * 1024;
const BLOCK = 4096;

/** The removal that a record speaks of. */
export function removalOf(
  file: FileHandle,
  journal: FileHandle,
  record: RemoveRecord,
  recordLength: number,
): Removal {
  return { file, journal, record, recordLength, stream: new KeptStream(record) };
}

/** The removal with what has come behind the mbox since it was announced: that stays too, and moves along. */
export function withMailBehind(removal: Removal, size: number): Removal {
  const { record } = removal;
  if (size <= record.length) return removal;
  const keep = [...record.keep, [record.length, size] as const];
  const grown = { ...record, keep, length: size };
  return { ...removal, record: grown, stream: new KeptStream(grown) };
}

/** The step that moves the stream from `offset` on; one of no length when all has moved. */
function stepAt({ record, stream }: Removal, number: number, offset: number): NextStep {
  const left = stream.length - offset;
  if (left === 0) return { step: { number, offset, length: 0 }, through: false };
  const gap = stream.positionOf(offset) - (record.target + offset);
  const through = gap < record.step;
  const length = Math.min(left, through ? record.step : gap);
  return { step: { number, offset, length }, through };
}

/** Reads the last step that was announced whole; undefined when none was. */
export async function lastStep(removal: Removal): Promise<RemoveStep | undefined> {
  const { journal } = removal;
  let last: RemoveStep | undefined;
  for (const slot of [0, 1]) {
    const at = slotPosition(removal, slot);
    const step = (await readFrame(journal, at))?.payload as RemoveStep | undefined;
    if (step === undefined || (last !== undefined && last.number > step.number)) continue;
    if (step.stored !== undefined) {
      // Room for the slots may not have come to the disk before the power went: then the announcement did, and its bytes not.
      if ((await journal.stat()).size < at + SLOT_HEAD + step.length) continue;
      const hash = createHash("sha256");
      await copyPieces({ from: journal, pieces: [[at + SLOT_HEAD, step.length]], hash });
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
async function reserveSlots(removal: Removal): Promise<void> {
  const zeros = Buffer.alloc(ZEROS);
  let offset = 0;
  for (const slot of [0, 1]) {
    const { step, through } = stepAt(removal, slot, offset);
    const end = SLOT_HEAD + (through ? step.length : 0);
    const at = slotPosition(removal, slot);
    for (let done = 0; done < end; done += ZEROS) {
      await writeWhole(removal.journal, zeros.subarray(0, Math.min(ZEROS, end - done)), at + done);
    }
    offset += step.length;
  }
}

/**
 * Announces a removal in an empty journal, on stable storage: from here on it happens, whoever finishes it. Where the
 * disk has no room for steps of `step` bytes, smaller ones are taken.
 *
 * @throws errors of the system; as long as the journal is empty then, nothing was touched
 */
export async function commitRemoval(
  file: FileHandle,
  journal: FileHandle,
  plan: Omit<RemoveRecord, "step">,
  step: number,
): Promise<Removal> {
  const record = { ...plan, step };
  try {
    const removal = removalOf(file, journal, record, await writeRecord(journal, record));
    await reserveSlots(removal);
    await journal.sync();
    return removal;
  } catch (error) {
    await journal.truncate(0);
    await journal.sync();
    const { fault } = asMboxError("", error);
    if (step <= SMALL_STEP || (fault !== "no-space" && fault !== "quota")) throw error;
    return await commitRemoval(file, journal, plan, SMALL_STEP);
  }
}

/** Moves what stays and cuts the rest off, going on from `done`, the last step that was carried out. */
export async function finishRemoval(removal: Removal, done: RemoveStep | undefined): Promise<void> {
  const { file, journal } = removal;
  let now = removal;
  let last = done;
  while (last?.cut === undefined) {
    const [number, offset]: [number, number] =
      last === undefined ? [0, 0] : [last.number + 1, last.offset + last.length];
    let next = stepAt(now, number, offset);
    if (next.step.length === 0) {
      // A program that heeds no lock may have appended meanwhile.
      now = withMailBehind(now, (await file.stat()).size);
      next = stepAt(now, number, offset);
    }
    const step = await announce(now, next);
    if (step.cut !== undefined && (await file.stat()).size > now.record.length) {
      // This very moment, even: the cut that was announced waits until that mail has moved too.
      last = { number, offset, length: 0 };
      continue;
    }
    await carryOut(now, step);
    last = step;
  }
  await journal.truncate(0);
  // Durable before the lock goes: an old removal replayed over new mail would cost that mail.
  await journal.sync();
}

/** Announces a step: its bytes first when they go through the journal, then what it is; synced. */
async function announce(removal: Removal, next: NextStep): Promise<RemoveStep> {
  const { file, journal, record, stream } = removal;
  const at = slotPosition(removal, next.step.number);
  let step = next.step;
  if (step.length === 0) {
    step = { ...step, cut: { length: record.length, tail: await tailHash(removal, record.length) } };
  } else if (next.through) {
    const pieces = stream.pieces(step.offset, step.length);
    const hash = createHash("sha256");
    await copyPieces({ from: file, pieces, to: journal, target: at + SLOT_HEAD, hash });
    step = { ...step, stored: hash.digest("hex") };
  }
  await writeWhole(journal, frame(step), at);
  await journal.datasync();
  return step;
}

/** Carries out an announced step, once more if need be; synced. */
export async function carryOut(removal: Removal, step: RemoveStep): Promise<void> {
  const { file, journal, record, stream } = removal;
  const target = record.target + step.offset;
  if (step.cut !== undefined) {
    await file.truncate(target);
    await file.sync();
    return;
  }
  if (step.stored !== undefined) {
    const at = slotPosition(removal, step.number) + SLOT_HEAD;
    await copyPieces({ from: journal, pieces: [[at, step.length]], to: file, target });
  } else {
    await copyPieces({ from: file, pieces: stream.pieces(step.offset, step.length), to: file, target });
  }
  await file.datasync();
}

/** Whether the cut that was announced has still to be made; the file may have got new mail before it or behind it. */
export async function isUncut(removal: Removal, cut: NonNullable<RemoveStep["cut"]>): Promise<boolean> {
  if ((await removal.file.stat()).size < cut.length) return false;
  return (await tailHash(removal, cut.length)) === cut.tail;
}

/** Hash of the last of the bytes before `length` that the cut takes away. */
async function tailHash({ file, record, stream }: Removal, length: number): Promise<string> {
  const start = Math.max(record.target + stream.length, length - BLOCK);
  const hash = createHash("sha256");
  await copyPieces({ from: file, pieces: [[start, length - start]], hash });
  return hash.digest("hex");
}

/** Where a slot begins: aligned, so that two slots never share a block of the disk. */
function slotPosition({ record, recordLength }: Removal, number: number): number {
  const align = (n: number) => Math.ceil(n / BLOCK) * BLOCK;
  return align(recordLength) + (number % 2) * align(SLOT_HEAD + record.step);
}
