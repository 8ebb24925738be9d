/**
 * The machine that was measured on, in words, and whether others use it just now.
 */
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { setTimeout } from "node:timers/promises";

/** Processors, memory, system and Node; no name of the machine. */
export function describeMachine(): string {
  const memory = Math.round(totalmem() / 1024 ** 3);
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  return `${cpus().length} x ${model}, ${memory} GiB, Linux ${/^[\d.]*/.exec(release())![0]}, Node ${process.versions.node}`;
}

/** `2026-11-24 22:14 UTC`. */
export function describeTime(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** Above this share of the machine a measurement is suspect. */
const BUSY = 0.1;

/** Waits, not for long, until others use little of the machine; false when they do not let go. */
export async function quiet(): Promise<boolean> {
  for (let turn = 0; turn < 8; turn++) {
    const before = readTimes();
    await setTimeout(250);
    const after = readTimes();
    const all = after.all - before.all;
    if (all > 0 && 1 - (after.idle - before.idle) / all < BUSY) return true;
  }
  return false;
}

/** The first line of /proc/stat: user, nice, system, idle, iowait … in hundredths of a second. */
function readTimes(): { all: number; idle: number } {
  const [line = ""] = readFileSync("/proc/stat", "latin1").split("\n");
  const fields = line.split(/\s+/).slice(1).map(Number);
  return { all: fields.reduce((sum, n) => sum + n, 0), idle: (fields[3] ?? 0) + (fields[4] ?? 0) };
}

/** `one round`, `3 interleaved rounds`. */
export function describeRounds(rounds: number): string {
  return rounds === 1 ? "one round" : `${rounds} interleaved rounds`;
}
