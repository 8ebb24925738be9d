/**
 * Counts what forces bytes to the disk, a message, under strace in a short run: fsync, fdatasync, msync, sync_file_range,
 * and writes to files that were opened with O_DSYNC, which are as good as an fsync each.
 */
import { readFileSync } from "node:fs";

/** Calls that are traced; `strace -e trace=` takes them. */
export const TRACED = "openat,fsync,fdatasync,msync,sync_file_range,pwrite64,pwritev";

/** How often each was called. */
export type SyncCounts = Readonly<
  Record<"fsync" | "fdatasync" | "msync" | "sync_file_range" | "O_DSYNC write", number>
>;

/**
 * Reads a log of `strace -f -y -qq -o FILE` from an offset on. The files opened with O_DSYNC are known from its beginning; a
 * descriptor counts together with its path, for its number is another file's in another process, and later.
 */
export function countSyncs(file: string, from: number): SyncCounts {
  const counts = { fsync: 0, fdatasync: 0, msync: 0, sync_file_range: 0, "O_DSYNC write": 0 };
  const text = readFileSync(file, "latin1");
  const synced = new Set<string>();
  let offset = 0;
  for (const line of text.split("\n")) {
    offset += line.length + 1;
    const opened = /openat\(.*O_D?SYNC.*\) = (\d+<[^>]*>)/.exec(line);
    if (opened !== null) synced.add(opened[1]!);
    if (offset <= from) continue;
    const call = /^\d+ +(\w+)\((\d*<[^>]*>)?/.exec(line);
    if (call === null) continue;
    const [, name = "", descriptor = ""] = call;
    if (name in counts) counts[name as keyof typeof counts] += 1;
    else if (/write/.test(name) && synced.has(descriptor)) counts["O_DSYNC write"] += 1;
  }
  return counts;
}
