/**
 * Takes messages out of a locked mbox, in place: the file stays the same file, what stays moves to the front, the rest
 * is cut off.
 *
 * A kill or a power loss at any point leaves, once the journal has been replayed, the mbox as it was or as it was to be.
 * Where nothing has to move (all messages go, or the last ones) one truncate does it, and the journal is not needed.
 */
import type { FileHandle } from "node:fs/promises";
import { openJournal, subjectOf } from "./journal.ts";
import type { LockedMailbox } from "./lock.ts";
import { asMboxError } from "./mbox-error.ts";
import { commitRemoval, finishRemoval, type Removal } from "./remove-steps.ts";
import { replayJournal } from "./replay.ts";

/** Bytes from `start` up to `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Bytes of a step that goes through the journal. */
export const REMOVE_STEP = 16 * 1024 * 1024;

/** A removal that happens whatever comes: its plan is on stable storage. */
export interface CommittedRemoval {
  /** Bytes that have to move; 0 when all is done. */
  readonly bytes: number;
  /**
   * Carries it out, while the lock is held.
   *
   * @throws MboxError; whoever locks the mailbox next finishes it
   */
  finish(): Promise<void>;
}

/**
 * Removes byte ranges.
 *
 * @param ranges sorted and disjoint, each from a message's `From ` line up to the next one's
 * @param step bytes of a step that goes through the journal
 * @throws MboxError; the mbox is then as it was, or, after a failure half way, finished by whoever locks it next
 * @throws RangeError for ranges that are not sorted, disjoint and within the mbox
 */
export async function removeMessages(
  box: LockedMailbox,
  ranges: readonly ByteRange[],
  step: number = REMOVE_STEP,
): Promise<void> {
  await (await beginRemoval(box, ranges, step)).finish();
}

/**
 * Announces a removal in the journal, durably: from then on it happens, and can be promised. What needs no journal is
 * done at once.
 *
 * @throws as {@link removeMessages}; the mbox is then as it was
 */
export async function beginRemoval(
  box: LockedMailbox,
  ranges: readonly ByteRange[],
  step: number = REMOVE_STEP,
): Promise<CommittedRemoval> {
  const first = ranges[0];
  if (first === undefined) return DONE;
  let journal: FileHandle | undefined;
  try {
    journal = await openJournal(box.fileSystem, box.paths.journal);
    if ((await journal.stat()).size > 0) await replayJournal(box);
    const stat = await box.file.stat();
    const { size: length } = stat;
    const keep = rangesBetween(ranges, length);
    if (keep.length === 0) {
      await box.file.truncate(first.start);
      await box.file.sync();
      return DONE;
    }
    const plan = {
      kind: "remove",
      ...subjectOf(stat),
      length,
      target: first.start,
      keep,
    } as const;
    const committed = finishLater(box, journal, await commitRemoval(box.file, journal, plan, step));
    journal = undefined;
    return committed;
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw asMboxError(box.paths.mbox, error);
  } finally {
    await journal?.close();
  }
}

const DONE: CommittedRemoval = { bytes: 0, finish: () => Promise.resolve() };

function finishLater(box: LockedMailbox, journal: FileHandle, removal: Removal): CommittedRemoval {
  return {
    bytes: removal.stream.length,
    async finish() {
      try {
        await finishRemoval(removal, undefined);
      } catch (error) {
        throw asMboxError(box.paths.mbox, error);
      } finally {
        await journal.close();
      }
    },
  };
}

/** What lies behind the first range and in none. */
function rangesBetween(ranges: readonly ByteRange[], length: number): [number, number][] {
  const keep: [number, number][] = [];
  let at = ranges[0]!.start;
  for (const { start, end } of ranges) {
    if (!(start >= at && end >= start && end <= length)) throw new RangeError(`bad range ${start}-${end}`);
    if (start > at) keep.push([at, start]);
    at = end;
  }
  if (length > at) keep.push([at, length]);
  return keep;
}
