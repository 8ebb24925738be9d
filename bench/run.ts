/**
 * The bench: messages accepted and delivered a second, disk calls a message, what POP3 does with a mailbox of 1 GiB and with
 * many clients, for mailhost and, where they are installed, Postfix, Dovecot and popa3d, on the same machine.
 *
 *     npm run bench                      everything, about three minutes
 *     npm run bench -- smtp pop3 disk    only some of it
 *     npm run bench -- --messages 5000 --mbox 1024
 *     npm run bench -- pop3 --rounds 5 --mbox-messages 50000 --idle --json    --idle: 2,000 idle sessions as well
 *
 * Prints tables with date, machine and versions. Ratios within one run are what counts; the numbers belong to the machine.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventually } from "../test/harness/eventually.ts";
import { findProgram } from "../test/harness/programs.ts";
import { countDeliveries } from "./delivered.ts";
import { countSyncs, TRACED } from "./disk-calls.ts";
import { dovecotPop3 } from "./dovecot.ts";
import { mailhostPop3, mailhostSmtp } from "./mailhost.ts";
import { DOMAIN, MAILBOXES, type SmtpPeer } from "./peer.ts";
import { benchPop3 } from "./pop3.ts";
import { popa3d } from "./popa3d.ts";
import { postfixSmtp } from "./postfix.ts";
import { scoped } from "./scope.ts";
import type { Load, LoadResult } from "./smtp-load.ts";

const CONNECTIONS = [1, 20, 200];
const SIZE = 10 * 1024;
const say = (text: string) => void process.stdout.write(`${text}\n`);
const smtpPeers = [mailhostSmtp, postfixSmtp];
const pop3Peers = [mailhostPop3, dovecotPop3, popa3d];

/** The load in a process of its own. */
async function runLoad(
  port: number,
  messages: number,
  connections: number,
  perConnection: number,
): Promise<LoadResult> {
  const load: Load = {
    port,
    messages,
    connections,
    perConnection,
    size: SIZE,
    mailboxes: MAILBOXES.length,
    domain: DOMAIN,
  };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", fileURLToPath(new URL("smtp-load.ts", import.meta.url)), JSON.stringify(load)],
    { timeout: 300_000 },
  );
  return JSON.parse(stdout) as LoadResult;
}

interface Rate {
  readonly accepted: number;
  readonly delivered: number;
  readonly median: number;
  readonly p99: number;
}

/** One measurement with a server of its own. */
function measureRate(
  peer: SmtpPeer,
  messages: number,
  connections: number,
  perConnection: number,
): Promise<Rate> {
  return scoped(async (scope) => {
    const server = await peer.start(scope);
    // A first few messages wake up what starts late.
    await runLoad(server.port, 100, 1, 0);
    const counter = countDeliveries(server.mailboxes, MAILBOXES);
    await eventually(() => counter.count() >= 100, { within: 60_000, what: "the first 100 messages" });
    const running = runLoad(server.port, messages, connections, perConnection);
    let doneAt = 0;
    const delivered = eventually(() => counter.count() >= 100 + messages, {
      within: 300_000,
      what: `${messages} messages in the mailboxes of ${peer.name}`,
    }).then(() => (doneAt = performance.now()));
    const result = await running;
    const acceptedAt = performance.now();
    await delivered;
    if (result.accepted < messages)
      throw new Error(`${peer.name} accepted ${result.accepted} of ${messages}`);
    const lag = Math.max(0, doneAt - acceptedAt);
    return {
      accepted: (messages / result.milliseconds) * 1000,
      delivered: (messages / (result.milliseconds + lag)) * 1000,
      median: result.median,
      p99: result.p99,
    };
  });
}

/** Disk calls of a short load under strace. */
function measureSyncs(peer: SmtpPeer, messages: number, connections: number) {
  return scoped(async (scope) => {
    const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-strace-"));
    scope.after(() => rmSync(dir, { recursive: true, force: true }));
    const file = join(dir, "calls");
    const server = await peer.start(scope, [
      findProgram("strace")!,
      "-f",
      "-y",
      "--seccomp-bpf",
      "-qq",
      "-e",
      `trace=${TRACED}`,
      "-o",
      file,
    ]);
    await runLoad(server.port, 10, 1, 0);
    const counter = countDeliveries(server.mailboxes, MAILBOXES);
    await eventually(() => counter.count() >= 10, { within: 60_000, what: "the first messages" });
    const from = statSync(file).size;
    await runLoad(server.port, messages, connections, 0);
    await eventually(() => counter.count() >= 10 + messages, {
      within: 120_000,
      what: "delivery under strace",
    });
    return countSyncs(file, from);
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const width = head.map((_, i) => Math.max(...[head, ...rows].map((row) => (row[i] ?? "").length)));
  const line = (row: readonly string[]) =>
    say(`| ${row.map((cell, i) => cell.padEnd(width[i]!)).join(" | ")} |`);
  line(head);
  line(width.map((n) => "-".repeat(n)));
  for (const row of rows) line(row);
  say("");
}

function available<T extends { name: string; missing?: string }>(peers: readonly T[]): T[] {
  for (const peer of peers)
    if (peer.missing !== undefined) say(`${peer.name} is left out: ${peer.missing}\n`);
  return peers.filter((peer) => peer.missing === undefined);
}

async function smtpSection(messages: number): Promise<void> {
  say(
    `Messages a second, ${SIZE / 1024} KiB each to ${MAILBOXES.length} mailboxes, ${messages} a run (half as many with 1 connection)\n`,
  );
  const rows: string[][] = [];
  for (const peer of available(smtpPeers)) {
    for (const connections of CONNECTIONS) {
      for (const perConnection of [0, 1]) {
        const count = connections === 1 ? Math.ceil(messages / 2) : messages;
        const rate = await measureRate(peer, count, connections, perConnection);
        rows.push([
          ...[`${peer.name} ${peer.version}`, String(connections), perConnection === 0 ? "many" : "1"],
          ...[
            rate.accepted.toFixed(0),
            rate.delivered.toFixed(0),
            rate.median.toFixed(1),
            rate.p99.toFixed(1),
          ],
        ]);
      }
    }
  }
  table(["server", "connections", "messages each", "accepted/s", "delivered/s", "median ms", "p99 ms"], rows);
}

async function diskSection(): Promise<void> {
  if (findProgram("strace") === undefined) return say("Disk calls are left out: strace is not installed\n");
  say("Disk calls a message, accepted and delivered, under strace\n");
  const rows: string[][] = [];
  for (const peer of available(smtpPeers)) {
    for (const connections of CONNECTIONS) {
      const messages = connections === 1 ? 100 : 400;
      const counts = await measureSyncs(peer, messages, connections);
      const all = Object.values(counts).reduce((sum, n) => sum + n, 0);
      const parts = Object.entries(counts)
        .filter(([, n]) => n > 0)
        .map(([name, n]) => `${name} ${(n / messages).toFixed(2)}`);
      rows.push([
        `${peer.name} ${peer.version}`,
        String(connections),
        (all / messages).toFixed(2),
        parts.join(", "),
      ]);
    }
  }
  table(["server", "connections", "a message", "of which"], rows);
}

async function pop3Section(): Promise<void> {
  const peers = available(pop3Peers);
  const size = { mebibytes: option("mbox", 1024), messages: option("mbox-messages", 50_000) };
  const idle = [200, ...(process.argv.includes("--idle") ? [2000] : [])];
  say(`POP3, an mbox of ${size.mebibytes} MiB with ${size.messages} messages, medians\n`);
  const rows = await benchPop3({ peers, ...size, rounds: option("rounds", 3), idle }, (text) =>
    process.stderr.write(`${text}\n`),
  );
  if (process.argv.includes("--json")) return say(JSON.stringify(rows));
  table(
    ["scenario", "unit", ...peers.map(({ name, version }) => `${name} ${version}`), "mailhost to the better"],
    rows.map(({ scenario, unit, medians }) => {
      const digits = unit === "s" ? 3 : unit === "us a message" ? 1 : 0;
      return [
        scenario,
        unit,
        ...peers.map(({ name }) => (medians[name] ?? Number.NaN).toFixed(digits)),
        ratio(unit, medians),
      ];
    }),
  );
}

/** How many times better mailhost is than the better of the others. */
function ratio(unit: string, medians: Readonly<Record<string, number>>): string {
  const { mailhost = Number.NaN, ...others } = medians;
  const more = unit === "MiB/s" || unit === "a second";
  const better = more ? Math.max(...Object.values(others)) : Math.min(...Object.values(others));
  const times = more ? mailhost / better : better / mailhost;
  return Number.isFinite(times) ? `${times.toFixed(1)} x` : "";
}

/** The value behind an option, or what it is otherwise. */
function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : Number(process.argv[at + 1]);
}

const sections = process.argv.slice(2).filter((word) => ["smtp", "disk", "pop3"].includes(word));
const wanted = (name: string) => sections.length === 0 || sections.includes(name);
say(
  `${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC, ${cpus().length} x ${cpus()[0]?.model ?? "unknown processor"},`,
);
say(`${Math.round(totalmem() / 1024 ** 3)} GiB, Linux ${release()}, Node ${process.versions.node}\n`);
if (wanted("smtp")) await smtpSection(option("messages", 3000));
if (wanted("disk")) await diskSection();
if (wanted("pop3")) await pop3Section();
