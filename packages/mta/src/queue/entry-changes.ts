/**
 * The changes that an administrator makes to an entry. Each works on a copy that the caller may keep.
 */
import type { QueueEntry } from "./queue-entry.ts";
import { copyOfRecipient } from "./recipient-copy.ts";

/** A copy of an entry and its recipients. */
export function copyOf(entry: QueueEntry): QueueEntry {
  return { ...entry, recipients: entry.recipients.map(copyOfRecipient) };
}

/** All recipients of the entry that are to be tried are due at `now`. Changes the entry and returns it. */
export function dueNow(entry: QueueEntry, now: number): QueueEntry {
  for (const recipient of entry.recipients) delete recipient.dueAt;
  entry.nextAttemptAt = now;
  return entry;
}

/** As {@link dueNow}, and whatever their destinations wait for. */
export function force(entry: QueueEntry, now: number): QueueEntry {
  for (const recipient of entry.recipients) if (recipient.state === "pending") recipient.forced = true;
  return dueNow(entry, now);
}
