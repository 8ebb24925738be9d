/**
 * The readable form of a message's envelope beside its exported file: the queue's entry as JSON, times in ISO 8601.
 */
import type { QueueEntry } from "./queue-entry.ts";

/** Says what the file is, and the version of its form. */
const FORMAT = "mailhost queue envelope 1";

/** Members that are times (ms since 1970, 0 for never). */
const TIMES = ["receivedAt", "lastAttemptAt", "nextAttemptAt", "warnedAt"] as const;

/** The file's text. */
export function envelopeText(entry: QueueEntry): string {
  const times = Object.fromEntries(
    TIMES.map((name) => [name, entry[name] === 0 ? null : new Date(entry[name]).toISOString()]),
  );
  return `${JSON.stringify({ format: FORMAT, ...entry, ...times }, undefined, 2)}\n`;
}

/**
 * Reads one.
 *
 * @throws Error, which says what is wrong with it
 */
export function readEnvelope(text: string): QueueEntry {
  const { format, ...fields } = JSON.parse(text) as Record<string, unknown>;
  if (format !== FORMAT) throw new Error(`not a file of "${FORMAT}"`);
  const times = TIMES.map((name) => {
    const value = fields[name];
    const ms = value === null ? 0 : typeof value === "string" ? Date.parse(value) : Number.NaN;
    if (Number.isNaN(ms)) throw new Error(`${name} is not a time`);
    return [name, ms];
  });
  const entry = { ...fields, ...Object.fromEntries(times) } as unknown as QueueEntry;
  if (typeof entry.id !== "string" || typeof entry.sender !== "string")
    throw new Error("it names no id or sender");
  if (
    !Array.isArray(entry.recipients) ||
    entry.recipients.some((r) => typeof r?.address !== "string" || typeof r?.target?.kind !== "string")
  ) {
    throw new Error("its recipients have no address or target");
  }
  if (typeof entry.origin?.protocol !== "string")
    throw new Error("it does not say where the message came from");
  return entry;
}
