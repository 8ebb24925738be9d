/**
 * A message that is in the acceptance journal alone.
 */
import type { JournalPlace } from "./acceptance-journal.ts";
import type { QueueEntry } from "./queue-entry.ts";

/** How long a message stays fresh (ms): less than what the runner looks back when it reads the due index (due-scan.ts). */
const FRESH = 3000;

/** A fresh message. */
export interface Fresh {
  readonly entry: QueueEntry;
  readonly place: JournalPlace;
  /** Its end is being written, or it is on its way into the tables: resolves when that is over. */
  busy: Promise<unknown> | undefined;
}

/** Whether a message has been fresh for long, or for no time that makes sense: a clock that was set back makes nothing stay. */
export function isLongFresh({ entry }: Fresh, now: number): boolean {
  const age = now - entry.receivedAt;
  return age >= FRESH || age < 0;
}
