/**
 * Counts what has arrived in mboxes while it arrives, reading each octet once.
 */
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { join } from "node:path";
import { END_MARK } from "./smtp-load.ts";

/** A count that goes on. */
export interface DeliveryCounter {
  /** Looks again and returns how many messages are there. */
  count(): number;
}

/** Counts the end marks in the files of a folder. */
export function countDeliveries(folder: string, names: readonly string[]): DeliveryCounter {
  const mark = Buffer.from(`\n${END_MARK}\n`);
  const files = names.map((name) => ({ path: join(folder, name), read: 0 }));
  const buffer = Buffer.alloc(1024 ** 2);
  let found = 0;
  return {
    count() {
      for (const file of files) {
        const size = statSync(file.path, { throwIfNoEntry: false })?.size ?? 0;
        if (size <= file.read) continue;
        const handle = openSync(file.path, "r");
        try {
          for (;;) {
            const length = readSync(handle, buffer, 0, buffer.length, file.read);
            let end = 0;
            const piece = buffer.subarray(0, length);
            for (let at = piece.indexOf(mark); at >= 0; at = piece.indexOf(mark, end)) {
              found += 1;
              end = at + mark.length - 1;
            }
            // A mark that is cut by the end of the piece is looked for again.
            const consumed = Math.max(end, length - mark.length + 1);
            if (consumed <= 0 || length === 0) break;
            file.read += consumed;
            if (length < buffer.length) break;
          }
        } finally {
          closeSync(handle);
        }
      }
      return found;
    },
  };
}
