/**
 * The stored form of a queue entry: JSON in UTF-8, so that what is in the queue can be read with any tool, with the
 * version of the form in front.
 */
import type { QueueEntry } from "./queue-entry.ts";

/** Version of the stored form; a reader refuses others. */
const VERSION = 1;

/** Entries are written as they are at the moment of the call; later changes to the object do not matter. */
export function encodeEntry(entry: QueueEntry): Buffer {
  // Put in front as text: a copy of the entry with one field more costs as much as all the rest.
  return Buffer.from(`{"v":${VERSION},${JSON.stringify(entry).slice(1)}`);
}

/**
 * Reads a stored entry.
 *
 * @throws Error when the bytes are no entry of a version that is known
 */
export function decodeEntry(bytes: Uint8Array): QueueEntry {
  const { v, ...entry } = JSON.parse(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString(),
  ) as {
    v?: unknown;
  } & QueueEntry;
  if (v !== VERSION) throw new Error(`queue entry of unknown version ${String(v)}`);
  if (typeof entry.id !== "string" || !Array.isArray(entry.recipients)) throw new Error("not a queue entry");
  return entry;
}
