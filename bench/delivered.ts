/**
 * What has arrived in mboxes. While mail is coming only the sizes of the files are asked for; the marks are counted when as many
 * octets are there as the messages have, each octet once, so that looking takes next to nothing from who delivers.
 */
import { closeSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { END_MARK } from "./smtp-load.ts";

/** A count that goes on. */
export interface DeliveryCounter {
  /** Octets in all mailboxes. */
  size(): number;
  /** Looks again and returns how many messages are there. */
  count(): number;
  /** When the last of the mailboxes was changed, milliseconds since 1970. */
  lastAt(): number;
  /** Takes the mailboxes away and begins at 0. */
  clear(): void;
}

/** Counts the end marks in the files of a folder. */
export function countDeliveries(folder: string, names: readonly string[]): DeliveryCounter {
  const files = names.map((name) => ({ path: join(folder, name), read: 0 }));
  const buffer = Buffer.alloc(1024 ** 2);
  let found = 0;
  const stat = (file: { path: string }) => statSync(file.path, { throwIfNoEntry: false });
  return {
    size: () => files.reduce((sum, file) => sum + (stat(file)?.size ?? 0), 0),
    // The time of the last change of any kind; unlike that of the last write, nobody can set it back.
    lastAt: () => files.reduce((last, file) => Math.max(last, stat(file)?.ctimeMs ?? 0), 0),
    count() {
      for (const file of files) {
        if ((stat(file)?.size ?? 0) <= file.read) continue;
        const { marks, consumed } = countMarks(file.path, file.read, buffer);
        found += marks;
        file.read += consumed;
      }
      return found;
    },
    clear() {
      found = 0;
      for (const file of files) {
        rmSync(file.path, { force: true });
        file.read = 0;
      }
    },
  };
}

const MARK = Buffer.from(`\n${END_MARK}\n`);

function countMarks(path: string, from: number, buffer: Buffer): { marks: number; consumed: number } {
  let [marks, consumed] = [0, 0];
  const handle = openSync(path, "r");
  try {
    for (;;) {
      const length = readSync(handle, buffer, 0, buffer.length, from + consumed);
      const piece = buffer.subarray(0, length);
      let end = 0;
      for (let at = piece.indexOf(MARK); at >= 0; at = piece.indexOf(MARK, end)) {
        marks += 1;
        end = at + MARK.length - 1;
      }
      // A mark that is cut by the end of the piece is looked for again.
      consumed += Math.max(0, end, length - MARK.length + 1);
      if (length < buffer.length) return { marks, consumed };
    }
  } finally {
    closeSync(handle);
  }
}
