/**
 * Finishes or undoes what a journal says was being done to an mbox when somebody died. The caller holds the kernel's
 * lock on the mbox: nobody is at work on it.
 *
 * - an append is undone: its bytes are taken out again, for the batch was not acknowledged and comes again
 * - a removal whose plan is whole is finished, from the last step that was announced
 * - a replacement of the mbox's end is finished once its bytes are announced and have their room, else undone
 * - a record that is not whole, or speaks of another file than the one that stands there now, is dropped
 */
import type { FileHandle } from "node:fs/promises";
import type { FileSystem } from "../fs/file-system.ts";
import type { Log } from "../log/log.ts";
import type { Announced } from "./append-journal.ts";
import { endOfOurs, lastChunk } from "./append-journal.ts";
import type { JournalRecord, RemoveRecord } from "./journal.ts";
import { bootId, openJournal, readFrame } from "./journal.ts";
import type { MailboxPaths } from "./mailboxes.ts";
import { asMboxError } from "./mbox-error.ts";
import {
  carryOut,
  finishRemoval,
  isUncut,
  lastStep,
  removalOf,
  SMALL_STEP,
  startRemoval,
  withMailBehind,
} from "./remove-steps.ts";
import { replayReplacement } from "./replacement.ts";

/** An mbox whose journal is to be replayed. */
export interface ReplayedMailbox {
  readonly paths: MailboxPaths;
  /** The mbox, open for reading and writing, with the kernel's lock on it. */
  readonly file: FileHandle;
  readonly fileSystem: FileSystem;
  readonly log: Log;
}

/**
 * Replays the journal and empties it.
 *
 * @throws MboxError when it can not be done now; the journal then stays as it is
 */
export async function replayJournal(box: ReplayedMailbox): Promise<void> {
  try {
    const journal = await openJournal(box.fileSystem, box.paths.journal);
    try {
      const outcome = await replay(box, journal);
      await journal.truncate(0);
      await journal.sync();
      box.log.write("warn", `${box.paths.mbox}: ${outcome}`);
    } finally {
      await journal.close();
    }
  } catch (error) {
    throw asMboxError(box.paths.journal, error);
  }
}

/** Does what the journal's record asks for and says what that was. */
async function replay(box: ReplayedMailbox, journal: FileHandle): Promise<string> {
  const append = await lastChunk(journal);
  const framed = await readFrame(journal, 0);
  const record = append?.record ?? (framed?.payload as JournalRecord | undefined);
  if (record === undefined) return "a change had not begun, nothing to mend";
  const stat = await box.file.stat();
  const sameBoot = record.boot !== "" && record.boot === bootId();
  // A device may get another number when the system starts again; an inode does not.
  if (record.inode !== stat.ino || (sameBoot && record.device !== stat.dev)) {
    return "has been replaced since a change began, left as it is";
  }
  if (append !== undefined) return await undoAppend(box.file, journal, append, stat.size, sameBoot);
  if (record.kind === "replace") return await replayReplacement(box.file, journal, record);
  return await redoRemoval(box.file, journal, record as RemoveRecord, framed!.length);
}

async function undoAppend(
  file: FileHandle,
  journal: FileHandle,
  announced: Announced,
  size: number,
  sameBoot: boolean,
): Promise<string> {
  if (!sameBoot) return "the system went down during or after an append, left as it is";
  const { length, separator, device, inode, boot } = announced.record;
  if (size <= length) return "an append had not begun, nothing to mend";
  const end = await endOfOurs(file, journal, announced);
  if (end === undefined) return "another program rewrote it after an append was cut short, left as it is";
  if (end === length) return "an append had not begun, and another program has appended, nothing to mend";
  if (end === size) {
    await file.truncate(length);
    await file.sync();
    return `an unfinished append was undone, ${size} bytes cut back to ${length}`;
  }
  // Another program's mail lies behind, and needs what ends the mail before it.
  const target = Math.min(length + separator, end);
  const plan = { kind: "remove", device, inode, boot, length: size, target, keep: [[end, size]] } as const;
  await journal.truncate(0);
  await startRemoval(file, journal, plan, SMALL_STEP);
  return `an unfinished append was undone, ${end - target} bytes taken out before another program's mail`;
}

async function redoRemoval(
  file: FileHandle,
  journal: FileHandle,
  plan: RemoveRecord,
  recordLength: number,
): Promise<string> {
  const { size } = await file.stat();
  const announced = removalOf(file, journal, plan, recordLength);
  let step = await lastStep(announced);
  if (step?.cut !== undefined) {
    // Mail that came before the cut was announced has moved; the plan does not know of it.
    const cut = withMailBehind(announced, step.cut.length);
    if (!(await isUncut(cut, step.cut))) return "a removal was finished but for its journal";
    // New mail came before the cut: it moves too, and the cut comes after it.
    if (size > step.cut.length) step = { number: step.number, offset: step.offset, length: 0 };
  } else if (size < plan.length) {
    return "another program shortened it during a removal, left as it is";
  }
  const removal = withMailBehind(announced, size);
  if (step !== undefined) await carryOut(removal, step);
  await finishRemoval(removal, step);
  return `an unfinished removal was finished, ${size} bytes brought down to ${(await file.stat()).size}`;
}
