/**
 * Everything that a server consists of, so that its processor time and memory are all counted: a control group of its own where root
 * can make one (short-lived children count then, whoever their parent is), else the processes below the one that was started.
 */
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Scope } from "../test/harness/host.ts";

/** The processes of one server. */
export interface ProcessGroup {
  /** `control group` or `process tree`. */
  readonly kind: string;
  /** Put before a command, it runs in the group. */
  readonly prefix: readonly string[];
  /** Process ids of now. */
  processes(): number[];
  /** Processor time so far, of those that have ended as well, ms. */
  processor(): number;
  /** Memory now, shared pages divided among those who share them (PSS), KiB. */
  memory(): number;
}

/** Hierarchies that count processor time: version 1, and version 2 where it stands alone. */
const HIERARCHIES = [
  { base: "/sys/fs/cgroup/cpuacct", file: "cpuacct.usage" },
  { base: "/sys/fs/cgroup", file: "cpu.stat" },
] as const;

let groups = 0;

/** A new group; what still runs in it is ended with the scope. */
export function processGroup(scope: Scope, name: string): ProcessGroup {
  for (const { base, file } of HIERARCHIES) {
    groups += 1;
    const folder = `${base}/mailhost-bench-${process.pid}-${groups}-${name}`;
    try {
      accessSync(`${base}/cgroup.procs`, constants.W_OK);
      mkdirSync(folder);
      readFileSync(`${folder}/${file}`);
    } catch {
      removeFolder(folder);
      continue;
    }
    scope.after(async () => {
      await endAll(folder);
      removeFolder(folder);
    });
    const processes = () => processesIn(folder);
    return {
      kind: "control group",
      prefix: ["/bin/sh", "-c", `echo $$ >${folder}/cgroup.procs; exec "$@"`, "sh"],
      processes,
      processor: () => readUsage(readFileSync(`${folder}/${file}`, "latin1")),
      memory: () => memoryOf(processes()),
    };
  }
  return processTree(scope, name);
}

/** cpuacct.usage is nanoseconds; cpu.stat has a line of microseconds. */
function readUsage(text: string): number {
  const line = /^usage_usec (\d+)$/m.exec(text);
  return line === null ? Number(text) / 1e6 : Number(line[1]) / 1e3;
}

function processesIn(folder: string): number[] {
  return readFileSync(`${folder}/cgroup.procs`, "latin1").split("\n").filter(Boolean).map(Number);
}

/** Only what the bench has put there is in the folder. */
async function endAll(folder: string): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    for (let turns = 0; turns < 50; turns++) {
      const left = processesIn(folder);
      if (left.length === 0) return;
      for (const pid of left) {
        try {
          process.kill(pid, signal);
        } catch {
          // It has ended meanwhile.
        }
      }
      await setTimeout(100);
    }
  }
}

function removeFolder(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It was never made, or a process in it does not end; then it stays, empty of anything else.
  }
}

/** The processes below the one that was started, which leaves its number in a file. */
function processTree(scope: Scope, name: string): ProcessGroup {
  groups += 1;
  const dir = mkdtempSync(join(tmpdir(), `mailhost-bench-tree-${groups}-${name}-`));
  scope.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, "pid");
  const processes = () => descendants(Number.parseInt(read(file), 10));
  const seen = new Map<number, number>();
  return {
    kind: "process tree",
    prefix: ["/bin/sh", "-c", `echo $$ >${file}; exec "$@"`, "sh"],
    processes,
    processor() {
      for (const pid of processes()) seen.set(pid, ticksOf(pid) * 10);
      return [...seen.values()].reduce((sum, milliseconds) => sum + milliseconds, 0);
    },
    memory: () => memoryOf(processes()),
  };
}

/** A process and all below it. */
function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = Number(statOf(entry)[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const found: number[] = [];
  const visit = (pid: number) => {
    found.push(pid);
    for (const child of children.get(pid) ?? []) visit(child);
  };
  if (root > 1) visit(root);
  return found;
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

/** utime, stime, cutime and cstime of proc(5), hundredths of a second: those of children that have ended are included. */
function ticksOf(pid: number): number {
  return statOf(pid)
    .slice(11, 15)
    .reduce((sum, field) => sum + Number(field), 0);
}

/** The fields of /proc/PID/stat from the state on. */
function statOf(pid: number | string): string[] {
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function memoryOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const pss = /^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`));
    return sum + Number(pss?.[1] ?? 0);
  }, 0);
}
