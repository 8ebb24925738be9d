/**
 * Puts other, longer bytes in the place of everything from one offset of a locked mbox on: one change, done or not done
 * whatever happens (replacement.ts).
 */
import { openJournal, subjectOf } from "./journal.ts";
import type { LockedMailbox } from "./lock.ts";
import { asMboxError, MboxError } from "./mbox-error.ts";
import { lengthOf, type Piece, startReplacement } from "./replacement.ts";
import { replayJournal } from "./replay.ts";

/**
 * Replaces `[at, end of the mbox)` with the pieces. They may be parts of the mbox itself.
 *
 * @param expected length of the mbox for which the pieces were made
 * @throws MboxError; the mbox is then as it was, or, after a failure half way, finished by whoever locks it next
 * @throws RangeError when the pieces are shorter than what they replace
 */
export async function replaceTail(
  box: LockedMailbox,
  at: number,
  pieces: readonly Piece[],
  expected?: number,
): Promise<void> {
  try {
    const journal = await openJournal(box.fileSystem, box.paths.journal);
    try {
      if ((await journal.stat()).size > 0) await replayJournal(box);
      const stat = await box.file.stat();
      const { size: length } = stat;
      if (expected !== undefined && length !== expected) {
        throw new MboxError(
          "busy",
          box.paths.mbox,
          "was written to by a program that does not heed the lock",
        );
      }
      const bytes = pieces.reduce((sum, piece) => sum + lengthOf(piece), 0);
      if (at < 0 || at > length || at + bytes < length)
        throw new RangeError(`${bytes} bytes at ${at} of ${length}`);
      const plan = { kind: "replace", ...subjectOf(stat), length, at, bytes } as const;
      await startReplacement(box.file, journal, plan, pieces);
    } finally {
      await journal.close();
    }
  } catch (error) {
    if (error instanceof RangeError) throw error;
    throw asMboxError(box.paths.mbox, error);
  }
}
