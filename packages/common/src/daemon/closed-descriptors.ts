/**
 * Starts a program with nothing of ours open in it but its standard streams.
 *
 * Node marks what it opens as not to be inherited; libraries in the process do not always. LMDB leaves the file of an
 * environment open for children on purpose: a user's `.forward` program could read and write the whole queue and the DRAC
 * table through it. There is no call to mark it afterwards, so in the child each such descriptor is made one of /dev/null.
 */
import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { errnoOf } from "../errors.ts";

/** Standard input, output and error output; input may be a descriptor of ours. */
export type StandardStreams = readonly ["pipe" | number, "pipe" | "ignore", "pipe" | "ignore"];

/** O_CLOEXEC as Linux prints it, octal. */
const CLOSE_ON_EXEC = 0o2000000;

/**
 * As spawn(), in a process group of its own.
 *
 * @throws as spawn() does for arguments that no program can be given
 */
export function spawnApart(
  [program, ...args]: readonly [string, ...string[]],
  streams: StandardStreams,
  options: Omit<SpawnOptions, "stdio" | "detached">,
): ChildProcess {
  const nothing = openSync("/dev/null", "r+");
  try {
    const stdio: (number | "pipe" | "ignore")[] = [...streams];
    for (const fd of inheritedDescriptors()) {
      while (stdio.length < fd) stdio.push("ignore");
      stdio[fd] = nothing;
    }
    return spawn(program, args, { ...options, stdio, detached: true });
  } finally {
    closeSync(nothing);
  }
}

/** Descriptors of this process above the standard streams that a program would inherit, in ascending order. */
export function inheritedDescriptors(): number[] {
  return listed("/proc/self/fd", "/dev/fd")
    .map(Number)
    .filter((fd) => fd > 2 && !isClosedOnExec(fd))
    .sort((a, b) => a - b);
}

/** What is in the first of the folders that is there. */
function listed(...folders: readonly string[]): string[] {
  for (const folder of folders) {
    try {
      return readdirSync(folder);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
  return [];
}

/** Where the system does not say, a descriptor counts as inherited: to hide one more does no harm. */
function isClosedOnExec(fd: number): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "latin1"))?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) !== 0;
  } catch {
    // That was the descriptor of the list itself, or there is no /proc.
    return false;
  }
}
