/**
 * What a process that was killed left in the acceptance journal.
 */
import { join } from "node:path";
import { errnoOf } from "@mailhost/common/errors";
import { readSegment } from "./journal-frame.ts";
import { isSegmentName, type JournalFileSystem, readWhole } from "./journal-segment.ts";

/** A message that was accepted and is not done with. */
export interface LeftMessage {
  readonly id: string;
  readonly entry: Buffer;
  /** Reads the message; undefined when it is in a file of its own. */
  readonly body: (() => Buffer) | undefined;
}

/** What is in a journal. */
export interface LeftJournal {
  readonly messages: readonly LeftMessage[];
  /** Files of the journal. */
  readonly paths: readonly string[];
}

/**
 * Reads the journal in a folder.
 *
 * @throws when it cannot be read
 */
export function readJournal(dir: string, fs: JournalFileSystem): LeftJournal {
  const paths = segmentsIn(dir, fs);
  const segments = paths.map((path) => ({ path, ...readSegment(fs.readFileSync(path)) }));
  segments.sort((a, b) => a.generation - b.generation);
  const left = new Map<string, LeftMessage>();
  for (const { path, records } of segments) {
    for (const record of records) {
      if (record.kind === "done") left.delete(record.id);
      else {
        const { id, entry, bodySize, bodyAt } = record;
        const body = bodySize === undefined ? undefined : () => readPart(path, bodyAt, bodySize, fs);
        left.set(id, { id, entry, body });
      }
    }
  }
  return { messages: [...left.values()], paths };
}

/** The files of a journal; none when there is no folder. */
export function segmentsIn(dir: string, fs: Pick<JournalFileSystem, "readdirSync">): string[] {
  try {
    return fs
      .readdirSync(dir)
      .filter(isSegmentName)
      .map((name) => join(dir, name));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** @throws when there are fewer octets */
function readPart(path: string, at: number, length: number, fs: JournalFileSystem): Buffer {
  const fd = fs.openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(length);
    readWhole(fd, path, at, bytes, fs);
    return bytes;
  } finally {
    fs.closeSync(fd);
  }
}
