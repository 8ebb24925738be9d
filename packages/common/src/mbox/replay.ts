/**
 * Finishes or undoes what a journal says was being done to an mbox when somebody died. The caller holds the kernel's
 * lock on the mbox: nobody is at work on it.
 *
 * - an append is undone: its bytes are taken out again, for the batch was not acknowledged and comes again
 * - a removal whose plan is whole is finished, from the last step that was announced
 * - a replacement of the mbox's end is finished once its bytes are announced and have their room, else undone
 * - a record that is not whole is dropped
 * - one that speaks of another file than the one that stands there now is put aside, for the day on which that file is back:
 *   the spool may not have been mounted when mail came
 */
import { constants, statSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileSystem } from "../fs/file-system.ts";
import { syncFolder } from "../fs/whole-io.ts";
import type { Log } from "../log/log.ts";
import type { Announced } from "./append-journal.ts";
import { endOfOurs, lastChunk } from "./append-journal.ts";
import { voidNote } from "./append-notes.ts";
import type { JournalRecord, RemoveRecord } from "./journal.ts";
import { bootId, journalIsEmpty, openJournal, readFrame, speaksOf } from "./journal.ts";
import type { MailboxPaths } from "./mailboxes.ts";
import { asMboxError } from "./mbox-error.ts";
import {
  carryOut,
  commitRemoval,
  finishRemoval,
  isUncut,
  lastStep,
  removalOf,
  SMALL_STEP,
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

/** What a journal came to: an outcome for the log, and what else has to be done for it. */
export type Replayed =
  | string
  /** The mbox is to lose bytes between others: a removal of its own, which takes the journal's place. */
  | { readonly removal: Omit<RemoveRecord, "step">; readonly outcome: string }
  /** It speaks of a file that has this inode, and was made at this time; 0: not known. */
  | { readonly about: number; readonly born: number };

/**
 * Mends the mbox, if there is something to mend: its journal, or one that was put aside while this file was away.
 *
 * @throws as {@link replayJournal}
 */
export async function mendMailbox(box: ReplayedMailbox): Promise<void> {
  const { fileSystem, paths } = box;
  if (!(await journalIsEmpty(fileSystem, paths.journal))) await replayJournal(box);
  const { ino } = await box.file.stat();
  const aside = journalAside(paths, ino);
  if (statSync(aside, { throwIfNoEntry: false }) === undefined) return;
  try {
    await fileSystem.rename(aside, paths.journal);
  } catch (error) {
    throw asMboxError(aside, error);
  }
  await replayJournal(box);
}

/**
 * Replays the journal and empties it.
 *
 * @throws MboxError when it can not be done now; the journal then stays as it is
 */
export async function replayJournal(box: ReplayedMailbox): Promise<void> {
  const { fileSystem, paths, log } = box;
  try {
    const journal = await openJournal(fileSystem, paths.journal);
    try {
      const replayed = await replay(box, journal);
      if (typeof replayed === "object" && "about" in replayed) {
        await putAside(box, journal, replayed);
        return;
      }
      if (typeof replayed === "object") await removeInstead(box, replayed.removal);
      await journal.truncate(0);
      await journal.sync();
      log.write("warn", `${paths.mbox}: ${typeof replayed === "string" ? replayed : replayed.outcome}`);
    } finally {
      await journal.close();
    }
  } catch (error) {
    throw asMboxError(paths.journal, error);
  }
}

/** Does what the journal's record asks for and says what that was. */
async function replay(box: ReplayedMailbox, journal: FileHandle): Promise<Replayed> {
  const append = await lastChunk(journal);
  const framed = await readFrame(journal, 0);
  const record = append?.record ?? (framed?.payload as JournalRecord | undefined);
  if (record === undefined) return "a change had not begun, nothing to mend";
  const stat = await box.file.stat();
  const sameBoot = record.boot !== "" && record.boot === bootId();
  if (append !== undefined && !sameBoot)
    return "the system went down during or after an append, left as it is";
  // Before anything is taken out: whatever is made of the batch now or later, nobody is to believe that it is there.
  if (append?.record.batch !== undefined) voidNote(box.paths.journal, append.record.batch);
  if (!speaksOf(record, stat)) return { about: record.inode, born: record.born ?? 0 };
  if (append !== undefined) return await undoAppend(box.file, journal, append, stat.size);
  if (record.kind === "replace") return await replayReplacement(box.file, journal, record);
  return await redoRemoval(box.file, journal, record as RemoveRecord, framed!.length);
}

/** Bytes of the longest file name. */
const LONGEST_NAME = 255;

/** Where the journal of a file that is not there now waits for it. */
function journalAside({ journal }: MailboxPaths, inode: number): string {
  const name = `.${inode}.${basename(journal)}`;
  return join(dirname(journal), Buffer.byteLength(name) > LONGEST_NAME ? `.${inode}` : name);
}

/**
 * Keeps the journal of another file; of one that had the inode of this one, and so is gone for good, it is emptied. So it is where
 * the file system does not say when files were made: programs that replace an mbox by a new file soon come to an inode again, and
 * the change would be made to a file that it is not for.
 */
async function putAside(
  box: ReplayedMailbox,
  journal: FileHandle,
  { about: inode, born }: { readonly about: number; readonly born: number },
): Promise<void> {
  const { fileSystem, paths, log } = box;
  if (born === 0 || inode === (await box.file.stat()).ino) {
    await journal.truncate(0);
    await journal.sync();
    log.write("warn", `${paths.mbox}: has been replaced since a change began, left as it is`);
    return;
  }
  const aside = journalAside(paths, inode);
  await fileSystem.rename(paths.journal, aside);
  await syncFolder(fileSystem, dirname(aside));
  log.write(
    "warn",
    `${paths.mbox}: has been replaced since a change began, left as it is; should the former file come back, the change is finished by ${aside}`,
  );
}

const { O_RDWR, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;

/**
 * Carries a removal out whose plan takes the place of what the journal says in one moment: whoever dies before leaves the one,
 * whoever dies behind it the other.
 */
async function removeInstead(box: ReplayedMailbox, plan: Omit<RemoveRecord, "step">): Promise<void> {
  const { file, fileSystem, paths } = box;
  const folder = dirname(paths.journal);
  const path = join(folder, `.n.${basename(paths.journal)}`);
  const journal = await fileSystem.open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600);
  try {
    const removal = await commitRemoval(file, journal, plan, SMALL_STEP);
    await fileSystem.rename(path, paths.journal);
    await syncFolder(fileSystem, folder);
    await finishRemoval(removal, undefined);
  } finally {
    await journal.close();
  }
}

async function undoAppend(
  file: FileHandle,
  journal: FileHandle,
  announced: Announced,
  size: number,
): Promise<Replayed> {
  const { length, separator, device, inode, born, boot } = announced.record;
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
  const subject = { device, inode, boot, ...(born !== undefined && { born }) };
  return {
    removal: { kind: "remove", ...subject, length: size, target, keep: [[end, size]] },
    outcome: `an unfinished append was undone, ${end - target} bytes taken out before another program's mail`,
  };
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
