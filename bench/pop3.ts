/**
 * The POP3 part of the bench: openings, fetching, deleting, logins a second, memory of idle sessions. The servers run side by
 * side and take turns within each round; given are medians.
 *
 * Where one command is sent at a time, most of the time goes into waking the other side up, which is the same for every server;
 * so it is done on one processor, too, where nobody has to be woken, and what each server computes is given beside it.
 */
import { execFile, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { findProgram } from "../test/harness/programs.ts";
import type { Pop3Peer, RunningPop3 } from "./peer.ts";
import type { Pop3Load, Pop3LoadResult } from "./pop3-load.ts";
import { appendTen, writeMbox } from "./pop3-mailboxes.ts";
import { scoped } from "./scope.ts";
import { median } from "./statistics.ts";

/** How large a run is. */
export interface Pop3Bench {
  readonly peers: readonly Pop3Peer[];
  readonly mebibytes: number;
  readonly messages: number;
  readonly rounds: number;
  /** Idle sessions, each a measurement. */
  readonly idle: readonly number[];
}

/** One scenario's medians by peer. */
export interface Pop3Row {
  readonly scenario: string;
  readonly unit: "s" | "MiB/s" | "a second" | "KiB a session" | "ms" | "us a message";
  readonly medians: Readonly<Record<string, number>>;
}

const SMALL = Array.from({ length: 40 }, (_, i) => `s${String(i).padStart(4, "0")}`);
const CLIENTS = [1, 4, 20];
/** How long a server has to put a session away, ms. */
const SETTLE = 500;
const LOAD = fileURLToPath(new URL("pop3-load.ts", import.meta.url));

/** Measures all peers; `say` is told what is being done. */
export function benchPop3(bench: Pop3Bench, say: (text: string) => void): Promise<Pop3Row[]> {
  return scoped(async (scope) => {
    const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-mbox-"));
    scope.after(() => rmSync(dir, { recursive: true, force: true }));
    const [big, small] = [join(dir, "big"), join(dir, "small")];
    writeMbox(big, bench.messages, bench.mebibytes * 1024 ** 2);
    writeMbox(small, 20, 200 * 1024);
    const most = Math.max(0, ...bench.idle);
    const idlers = Array.from({ length: most }, (_, i) => `i${String(i).padStart(4, "0")}`);
    const servers: [string, RunningPop3][] = [];
    for (const peer of bench.peers) {
      const server = await peer.start(scope, ["big", ...SMALL, ...idlers]);
      for (const user of [...SMALL, ...idlers]) server.fill(user, small);
      servers.push([peer.name, server]);
    }
    const rows = new Map<string, { unit: Pop3Row["unit"]; values: Map<string, number[]> }>();
    const note = (scenario: string, unit: Pop3Row["unit"], peer: string, value: number) => {
      const row = rows.get(scenario) ?? { unit, values: new Map<string, number[]>() };
      rows.set(scenario, row);
      row.values.set(peer, [...(row.values.get(peer) ?? []), value]);
      say(`${scenario}: ${peer} ${value.toFixed(3)} ${unit}`);
    };
    // First, while the servers have nothing left over from other work.
    for (const sessions of bench.idle) {
      for (const [peer, server] of servers) {
        const each = await idleMemory(server, idlers.slice(0, sessions));
        note(`memory of ${sessions} idle sessions`, "KiB a session", peer, each);
      }
    }
    for (let round = 0; round < bench.rounds; round++) {
      for (const [peer, server] of servers) await bigMailbox(peer, server, big, note);
      for (const clients of CLIENTS) {
        for (const [peer, server] of servers) {
          const load = { what: "logins", users: SMALL, clients, duration: 2000 } as const;
          // Once round first, so that passwords, indexes and processes are warm for everybody.
          await run(server, { ...load, clients: 4, duration: 500 });
          const { count, milliseconds } = await run(server, load);
          note(`logins, ${clients} at a time`, "a second", peer, (count / milliseconds) * 1000);
        }
      }
    }
    return Array.from(rows, ([scenario, { unit, values }]) => ({
      scenario,
      unit,
      medians: Object.fromEntries(Array.from(values, ([peer, all]) => [peer, median(all)])),
    }));
  });
}

async function bigMailbox(
  peer: string,
  server: RunningPop3,
  big: string,
  note: (scenario: string, unit: Pop3Row["unit"], peer: string, value: number) => void,
): Promise<void> {
  const users = ["big"];
  const open = async (scenario: string) => {
    const { result, computed } = await withProcessorTime(server, { what: "open", users });
    note(scenario, "s", peer, result.milliseconds / 1000);
    note(`${scenario}, processor`, "ms", peer, computed);
  };
  server.fill("big", big);
  forgetPages(server.mailbox("big"));
  await open("login to UIDL, first, from the disk");
  // Another file of the same content is a mailbox that was never seen; this one is in the memory of the system.
  server.fill("big", big);
  execFileSync("sync", [server.mailbox("big")]);
  readFileSync(server.mailbox("big"));
  await open("login to UIDL, cold");
  await open("login to UIDL, warm");
  appendTen(server.mailbox("big"));
  await open("login to UIDL, ten new messages");
  for (const [name, window, processors] of [
    ["RETR of all", 1, "all"],
    ["RETR of all, one processor", 1, "one"],
    ["RETR of all, 50 ahead", 50, "all"],
  ] as const) {
    if (processors === "one" && !pin(server, "0")) continue;
    const load = {
      what: "retr",
      users,
      window,
      ...(processors === "one" ? { processor: "0" } : {}),
    } as const;
    const { result, computed } = await withProcessorTime(server, load);
    if (processors === "one") pin(server, `0-${cpus().length - 1}`);
    note(name, "MiB/s", peer, result.octets / 1024 ** 2 / (result.milliseconds / 1000));
    note(`${name}, processor`, "us a message", peer, (computed * 1000) / result.count);
  }
  const { milliseconds } = await run(server, { what: "half", users });
  note("QUIT after deleting half", "s", peer, milliseconds / 1000);
  rmSync(server.mailbox("big"));
}

/** A load, and on which processor it runs: any, when it is not said. */
type Wanted = Omit<Pop3Load, "port" | "password"> & { readonly processor?: string };

async function run(server: RunningPop3, { processor, ...load }: Wanted): Promise<Pop3LoadResult> {
  const words = [process.execPath, ...command(server, load)];
  const [program, ...args] = processor === undefined ? words : ["taskset", "-c", processor, ...words];
  const { stdout } = await promisify(execFile)(program!, args, { timeout: 300_000 });
  return JSON.parse(stdout) as Pop3LoadResult;
}

/** Runs a load, and says what the server computed for it, ms. */
async function withProcessorTime(
  server: RunningPop3,
  load: Wanted,
): Promise<{ readonly result: Pop3LoadResult; readonly computed: number }> {
  const before = server.group.processor();
  const result = await run(server, load);
  // Who forks for each session counts it when it has ended.
  await setTimeout(SETTLE);
  return { result, computed: server.group.processor() - before };
}

/** Puts a server's processes and all that they start on some processors; false where there is nothing to do that with. */
function pin(server: RunningPop3, processors: string): boolean {
  if (findProgram("taskset") === undefined) return false;
  for (const pid of server.group.processes()) {
    // One that has ended meanwhile needs no processor.
    spawnSync("taskset", ["-a", "-p", "-c", processors, String(pid)], { stdio: "ignore" });
  }
  return true;
}

function command({ port, password }: RunningPop3, load: Omit<Pop3Load, "port" | "password">): string[] {
  return ["--import", "tsx", LOAD, JSON.stringify({ ...load, port, password })];
}

/** What sessions that wait cost, KiB each. */
async function idleMemory(server: RunningPop3, users: readonly string[]): Promise<number> {
  // Passwords and indexes are known, and what is loaded late is there.
  await run(server, { what: "logins", users, clients: 10, duration: 500 });
  const before = server.group.memory();
  const load = spawn(process.execPath, command(server, { what: "idle", users }), {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(load, "exit");
  const [first] = await Promise.race([once(load.stdout, "data"), ended]);
  if (!Buffer.isBuffer(first)) throw new Error("the idle sessions could not be opened");
  const after = server.group.memory();
  load.stdin.end();
  await ended;
  return (after - before) / users.length;
}

/** Asks the kernel to drop what it holds of a file (posix_fadvise, by way of dd). */
function forgetPages(path: string): void {
  execFileSync("sync", [path]);
  execFileSync("dd", [`if=${path}`, "iflag=nocache", "count=0"], { stdio: "ignore" });
}
