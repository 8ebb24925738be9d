/**
 * The disk part of the bench: what a message costs the disk with 1, 20 and 200 connections, each server under strace.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../test/harness/programs.ts";
import { countDiskCalls, type DiskCalls, TRACED } from "./disk-calls.ts";
import { countSyncs } from "./full-speed-syncs.ts";
import type { NativePrograms } from "./native.ts";
import type { SmtpPeer } from "./peer.ts";
import { scoped } from "./scope.ts";
import { measureSmtp, startSink, startSmtp } from "./smtp-server.ts";

/** What a message cost. */
export interface DiskRow {
  readonly peer: string;
  readonly connections: number;
  readonly messages: number;
  /** Without strace, at the server's own speed. */
  readonly atFullSpeed?: true;
  /** Calls a message, of those that force octets to the disk. */
  readonly forced: number;
  /** The same by name, and those that change folders. */
  readonly parts: Readonly<Record<string, number>>;
}

const LOADS = [
  { connections: 1, messages: 400 },
  { connections: 20, messages: 3000 },
  { connections: 200, messages: 10_000 },
];
/** Messages at full speed, with 200 connections. */
const AT_FULL_SPEED = 10_000;
/** A server that takes fewer than this a second under strace has a shorter run, by as much. */
const PACE = 250;

/** Measures all peers; undefined where there is no strace. */
export async function benchDisk(
  peers: readonly SmtpPeer[],
  programs: NativePrograms,
  say: (text: string) => void,
): Promise<DiskRow[] | undefined> {
  const strace = findProgram("strace");
  if (strace === undefined) return undefined;
  const rows: DiskRow[] = [];
  for (const peer of peers.filter(({ acceptsOnly }) => !acceptsOnly)) {
    const fast = await measureAtFullSpeed(programs, peer).catch((error: unknown) => {
      say(`disk calls at full speed: ${peer.name} gave no figure: ${String(error)}`);
      return undefined;
    });
    if (fast !== undefined) rows.push(fast);
    for (const load of LOADS) {
      try {
        const row = await measureDisk(strace, programs, peer, load);
        rows.push(row);
        say(`disk calls, ${load.connections} connections: ${peer.name} ${row.forced.toFixed(2)} a message`);
      } catch (error) {
        say(`disk calls, ${load.connections} connections: ${peer.name} gave no figure: ${String(error)}`);
      }
    }
  }
  return rows;
}

function measureAtFullSpeed(programs: NativePrograms, peer: SmtpPeer): Promise<DiskRow | undefined> {
  return scoped(async (scope) => {
    const sink = await startSink(scope, programs);
    const server = await startSmtp(scope, peer, sink.port);
    const scenario = { id: "", title: "", connections: 200, each: 1, size: 10 * 1024, mailboxes: 50 };
    const first = await measureSmtp(programs, server, sink, scenario, 2000, 10);
    const messages = Math.min(AT_FULL_SPEED, Math.max(400, Math.round((first.delivered ?? 0) * 8)));
    const syncs = await countSyncs(() => measureSmtp(programs, server, sink, scenario, messages));
    if (syncs === undefined) return undefined;
    const forced = syncs / messages;
    return { peer: peer.name, connections: 200, messages, atFullSpeed: true, forced, parts: {} };
  });
}

function measureDisk(
  strace: string,
  programs: NativePrograms,
  peer: SmtpPeer,
  { connections, messages }: { connections: number; messages: number },
): Promise<DiskRow> {
  return scoped(async (scope) => {
    const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-strace-"));
    scope.after(() => rmSync(dir, { recursive: true, force: true }));
    const log = join(dir, "calls");
    const sink = await startSink(scope, programs);
    const filter = peer.setuid ? [] : ["--seccomp-bpf"];
    const words = ["-f", "-y", ...filter, "-qq", "-s", "0", "-e", `trace=${TRACED}`, "-o", log];
    const server = await startSmtp(scope, peer, sink.port, [strace, ...words]);
    const scenario = { id: "", title: "", connections, each: 1, size: 10 * 1024, mailboxes: 50 };
    const first = await measureSmtp(programs, server, sink, scenario, Math.max(connections, 400));
    const pace = Math.min(1, (first.delivered ?? 0) / PACE);
    const count = Math.max(connections, 50, Math.round(messages * pace));
    const from = readFileSync(log, "latin1").length;
    const { unaccounted } = await measureSmtp(programs, server, sink, scenario, count);
    if (unaccounted !== 0) throw new Error(`${unaccounted} of ${count} messages did not arrive`);
    const calls = countDiskCalls(readFileSync(log, "latin1"), from);
    return { peer: peer.name, connections, messages: count, ...perMessage(calls, count) };
  });
}

function perMessage({ forcing, naming }: DiskCalls, messages: number): Pick<DiskRow, "forced" | "parts"> {
  const all = [...forcing.values()].reduce((sum, n) => sum + n, 0);
  const parts = Object.fromEntries([...forcing, ...naming].map(([name, n]) => [name, n / messages]));
  return { forced: all / messages, parts };
}
