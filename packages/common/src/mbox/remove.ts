/**
 * Takes messages out of a locked mbox, in place: the file stays the same file, what stays moves to the front, the rest
 * is cut off.
 *
 * A kill or a power loss at any point leaves, once the journal has been replayed, the mbox as it was or as it was to be.
 * Where nothing has to move (all messages go, or the last ones) one truncate does it, and the journal is not needed.
 */
import { bootId, openJournal } from "./journal.ts";
import type { LockedMailbox } from "./lock.ts";
import { asMboxError } from "./mbox-error.ts";
import { startRemoval } from "./remove-steps.ts";
import { replayJournal } from "./replay.ts";

/** Bytes from `start` up to `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Bytes of a step that goes through the journal. */
export const REMOVE_STEP = 16 * 1024 * 1024;

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
  const first = ranges[0];
  if (first === undefined) return;
  try {
    const journal = await openJournal(box.fileSystem, box.paths.journal);
    try {
      if ((await journal.stat()).size > 0) await replayJournal(box);
      const { dev: device, ino: inode, size: length } = await box.file.stat();
      const keep = rangesBetween(ranges, length);
      if (keep.length === 0) {
        await box.file.truncate(first.start);
        await box.file.sync();
        return;
      }
      const record = {
        kind: "remove",
        device,
        inode,
        boot: bootId(),
        length,
        target: first.start,
        keep,
      } as const;
      await startRemoval(box.file, journal, record, step);
    } finally {
      await journal.close();
    }
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw asMboxError(box.paths.mbox, error);
  }
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
