/**
 * How often files are synced while a server works at its full speed, told by the file systems' own trace events: fsync, fdatasync, and
 * writes to files opened with O_DSYNC all pass there. Under strace everything is several times as slow, and what shares a sync because it
 * comes at about the same time shares less. Counts the whole machine, so nothing else may be at work.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { findProgram } from "../test/harness/programs.ts";

const EVENTS = ["ext4:ext4_sync_file_enter", "xfs:xfs_file_fsync", "btrfs:btrfs_sync_file"];
const TRACING = "/sys/kernel/tracing/events";

/** Counts the syncs of files while something is done; undefined where perf(1) or the kernel's trace events are not to be had. */
export async function countSyncs(act: () => Promise<unknown>): Promise<number | undefined> {
  const perf = findProgram("perf");
  const events = EVENTS.filter((event) => existsSync(`${TRACING}/${event.replace(":", "/")}`));
  if (perf === undefined || events.length === 0) return undefined;
  const counter = spawn(perf, ["stat", "-a", "-x", ",", "-e", events.join(",")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  counter.stderr.on("data", (piece: Buffer) => (said += piece.toString()));
  const ended = once(counter, "exit");
  try {
    await act();
  } finally {
    counter.kill("SIGINT");
    await ended;
  }
  return syncsIn(said);
}

/** The sum of the first columns of `perf stat -x,`; undefined when one has no figure. */
export function syncsIn(text: string): number | undefined {
  const counts = [...text.matchAll(/^(\d+|<[^>]*>),.*$/gm)].map(([, count]) => Number(count));
  return counts.length === 0 || counts.some(Number.isNaN)
    ? undefined
    : counts.reduce((sum, count) => sum + count, 0);
}
