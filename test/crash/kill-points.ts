/**
 * Where processes are killed: at a random moment, or as they enter their n-th call of a kind from some moment on, by strace(1).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import type { Random } from "../corpus/random.ts";
import { eventually } from "../harness/eventually.ts";
import { findProgram } from "../harness/programs.ts";
import type { CrashHost } from "./crash-host.ts";

/** Processes of a host, and commands that are run beside it. */
export type Victim =
  | "mta"
  | "pop3"
  | "launcher"
  | "keys"
  | "passwords"
  | "newaliases"
  | "makemap"
  | "sendmail"
  | "queue";

/** One place. */
export interface KillPoint {
  readonly victim: Victim;
  /** A system call, and which one from the moment on; absent: the moment itself. */
  readonly call?: string;
  readonly number?: number;
}

/** How a point is told in the report. */
export function nameOf({ victim, call, number }: KillPoint): string {
  return call === undefined ? `${victim} at a random moment` : `${victim} at ${call} ${number}`;
}

const MTA_CALLS = [
  "pwritev",
  "pwrite64",
  "fdatasync",
  "write",
  "ftruncate",
  "fsync",
  "mkdir",
  "rmdir",
  "openat",
  "unlink",
  "writev",
  "futex",
  "close",
] as const;
const POP3_CALLS = [
  "pwrite64",
  "ftruncate",
  "fsync",
  "fdatasync",
  "mkdir",
  "rmdir",
  "write",
  "openat",
  "unlink",
  "close",
] as const;
const COMMAND_CALLS = [
  "openat",
  "pwrite64",
  "write",
  "fsync",
  "fdatasync",
  "rename",
  "unlink",
  "close",
] as const;

export const COMMANDS = ["newaliases", "makemap", "sendmail", "queue"] as const;
export type Command = (typeof COMMANDS)[number];

export function isCommand(victim: Victim): victim is Command {
  return (COMMANDS as readonly string[]).includes(victim);
}

/**
 * Points for a run: half at random moments, half enumerated, each kind of call at growing numbers.
 *
 * @param only enumerated ones of one process (`mta`) or one call of it (`mta:close`) alone
 */
export function killPoints(count: number, random: Random, asRoot: boolean, only?: string): KillPoint[] {
  const numbers = [1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 22, 30, 45, 70, 110, 200];
  const enumerated: KillPoint[] = [];
  for (const number of numbers) {
    for (const call of MTA_CALLS) enumerated.push({ victim: "mta", call, number });
    for (const call of POP3_CALLS) if (number <= 30) enumerated.push({ victim: "pop3", call, number });
    if (number > 13) continue;
    for (const call of COMMAND_CALLS) enumerated.push({ victim: COMMANDS[number % 4]!, call, number });
  }
  const moments: Victim[] = ["mta", "mta", "mta", "launcher", "launcher", "pop3", ...COMMANDS];
  if (asRoot) moments.push("keys", "passwords");
  if (only !== undefined) {
    const wanted = enumerated.filter(({ victim, call }) => only === victim || only === `${victim}:${call}`);
    if (wanted.length === 0) throw new Error(`no point is called ${only}`);
    return Array.from({ length: count }, (_, n) => wanted[n % wanted.length]!);
  }
  const withStrace = findProgram("strace") !== undefined;
  const shuffled = shuffle(enumerated, random);
  return Array.from({ length: count }, (_, n) => {
    const point = withStrace && n % 2 === 1 ? shuffled[(n >> 1) % shuffled.length] : undefined;
    return point ?? { victim: moments[(n >> 1) % moments.length]! };
  });
}

function shuffle<T>(list: readonly T[], random: Random): T[] {
  const left = [...list];
  const drawn: T[] = [];
  while (left.length > 0) drawn.push(...left.splice(random.integer(0, left.length - 1), 1));
  return drawn;
}

/** What came of a point. */
export type Hit = "at the point" | "not reached, killed all the same" | "nothing to kill";

/** ms that a call is waited for. */
const REACHED_WITHIN = 2500;

/** Kills one of the host's processes; the launcher and what ended with it are started again. */
export async function strike(at: CrashHost, point: KillPoint): Promise<Hit> {
  const pid = await eventually(() => pidOf(at, point.victim), { what: `a living ${point.victim}` }).catch(
    () => undefined,
  );
  if (pid === undefined) return "nothing to kill";
  let hit: Hit = "at the point";
  if (point.call === undefined) kill(pid);
  else if (!(await killedAtCall(pid, point))) {
    hit = "not reached, killed all the same";
    kill(pid);
  }
  if (point.victim === "launcher") {
    await at.host.ended();
    await eventually(() => !at.host.alive("mta") && !at.host.alive("pop3"), { what: "the children to end" });
    await at.host.start();
  } else {
    await eventually(() => !lives(pid), { what: `the end of ${point.victim}` });
  }
  return hit;
}

async function killedAtCall(pid: number, { call, number }: KillPoint): Promise<boolean> {
  const inject = `inject=${call}:signal=SIGKILL:when=${number}`;
  const args = ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject, "-p", String(pid)];
  const tracer: ChildProcess = spawn("strace", args, { stdio: "ignore" });
  const ended = once(tracer, "exit");
  const end = Date.now() + REACHED_WITHIN;
  while (Date.now() < end && lives(pid)) await new Promise((resume) => setTimeout(resume, 10));
  const reached = !lives(pid);
  if (!reached) tracer.kill("SIGTERM");
  await ended;
  return reached;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself meanwhile.
  }
}

/** False for one that is gone or a zombie. */
export function lives(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

function pidOf(at: CrashHost, victim: Victim): number | undefined {
  switch (victim) {
    case "mta":
    case "pop3":
      return at.host.alive(victim) ? at.host.pid(victim) : undefined;
    case "launcher":
      return at.host.alive("mailhost") ? at.host.pid("mailhost") : undefined;
    default:
      return helperOf(at.host.pid("mailhost"), `mailhost: ${victim}`);
  }
}

/** A process below the launcher, by its title; the one for passwords is a shell's child. */
function helperOf(launcher: number, title: string): number | undefined {
  const parents = new Map<number, number>();
  const titled: number[] = [];
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
      if (readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0")[0] === title) titled.push(pid);
    } catch {
      // It has ended meanwhile.
    }
  }
  return titled.find((pid) => {
    for (let up: number | undefined = pid; up !== undefined && up > 1; up = parents.get(up))
      if (up === launcher) return true;
    return false;
  });
}
