/**
 * What the processes of a host take: memory, descriptors, threads, by proc(5).
 */
import { readdirSync, readFileSync } from "node:fs";
import type { ProcessName } from "../harness/host-process.ts";

/** A process at one moment. Memory in KiB. */
export interface ProcessSample {
  readonly pid: number;
  /** Shared pages are divided among those who share them; pages of mapped files count, such as the queue's. */
  readonly pss: number;
  readonly rss: number;
  /** What is its own and no file's: heaps and buffers. */
  readonly own: number;
  readonly descriptors: number;
  readonly threads: number;
  /** Seconds that it has computed. */
  readonly processor: number;
}

export const PROCESSES: readonly ProcessName[] = ["mailhost", "mta", "pop3"];

/** Samples a process. Throws when it is gone. */
export function sampleProcess(pid: number): ProcessSample {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const field = (text: string, name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1] ?? 0);
  const times = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return {
    pid,
    pss: field(rollup, "Pss"),
    rss: field(rollup, "Rss"),
    own: field(rollup, "Pss_Anon"),
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    threads: field(status, "Threads"),
    // In hundredths of a second: utime and stime.
    processor: (Number(times[11]) + Number(times[12])) / 100,
  };
}
