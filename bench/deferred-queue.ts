/**
 * What a long queue of deferred messages costs: how long the host takes to start with it, the memory of its processes, how fast it
 * takes new mail beside it, and how soon the commands that look at the queue answer.
 *
 *     node --conditions=@mailhost/source --import tsx bench/deferred-queue.ts [messages=1000000] [new=3000]
 *
 * The queue is written through the store's own code: small messages to 5,000 domains, due within the coming hours.
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { siteAt } from "@mailhost/common/site";
import { queuePaths } from "../packages/mta/src/queue/environment.ts";
import { openQueue } from "../packages/mta/src/queue/open-queue.ts";
import type { NewMessage } from "../packages/mta/src/queue/queue-entry.ts";
import { type MailHost, prepareSite, type Site, startOn } from "../test/harness/host.ts";
import { addAccounts } from "../test/harness/many-accounts.ts";
import { countDeliveries } from "./delivered.ts";
import { DOMAIN, MAILBOXES } from "./peer.ts";
import { scoped } from "./scope.ts";
import { type LoadResult, sendLoad } from "./smtp-load.ts";

const DOMAINS = 5000;
/** Messages that one commit puts in. */
const CHUNK = 5000;
/** The first is due after an hour, the last after six: nothing is tried while it is measured. */
const SOONEST = 3_600_000;
const SPREAD = 5 * 3_600_000;

const BODY = Buffer.from(
  `Received: by mail.example; Mon, 1 Jan 2026 00:00:00 +0000\r\nFrom: <a@here.example>\r\nSubject: deferred\r\n\r\n${"text of a small message\r\n".repeat(8)}`,
);

/** Puts deferred messages into the queue of a host that does not run. */
export async function fillQueue({ root }: Pick<Site, "root">, messages: number): Promise<void> {
  const { store } = await openQueue(siteAt(root), { clock: systemClock, log: silentLog });
  try {
    const now = Date.now();
    for (let done = 0; done < messages; done += CHUNK) {
      const size = Math.min(CHUNK, messages - done);
      const add = Array.from({ length: size }, (_, i) => ({ message: deferred(done + i, now), body: BODY }));
      await store.change({ add });
    }
  } finally {
    await store.close();
  }
}

function deferred(n: number, now: number): NewMessage {
  const domain = `d${n % DOMAINS}.far.example`;
  return {
    sender: `user${n % 1000}@mail.linuxaid.com.cn`,
    recipients: [
      {
        address: `someone${n}@${domain}`,
        target: { kind: "remote", domain },
        state: "pending",
        attempts: 1,
        lastReply: { code: 421, enhanced: "4.4.2", text: "Connection timed out" },
        lastRelay: `mx.${domain}`,
      },
    ],
    origin: { ip: "192.0.2.7", hostname: "client.example", helo: "client.example", protocol: "ESMTP" },
    bodyType: "8BITMIME",
    smtputf8: false,
    messageId: `<${n}@here.example>`,
    firstAttemptAt: now + SOONEST + ((n * 7919) % SPREAD),
  };
}

/** Memory of a host's processes, MiB. */
export interface Memory {
  /** Shared pages divided among those who share them. */
  readonly proportional: number;
  /** The part that no file backs. */
  readonly anonymous: number;
  /** The part that files back, the queue's pages among it: the system takes them back when it needs the room. */
  readonly mapped: number;
}

/** Sums up a process and all below it. */
export function memoryOfTree(top: number): Memory {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const sum = { proportional: 0, anonymous: 0, mapped: 0 };
  for (const pid of parents.keys()) {
    let above: number | undefined = pid;
    while (above !== undefined && above !== top) above = parents.get(above);
    if (above === undefined) continue;
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
    const field = (name: string) =>
      Number(new RegExp(`^${name}: +(\\d+)`, "m").exec(rollup)?.[1] ?? 0) / 1024;
    sum.proportional += field("Pss");
    sum.anonymous += field("Pss_Anon");
    sum.mapped += field("Pss_File") + field("Pss_Shmem");
  }
  return sum;
}

/** Milliseconds until a command prints its first octets, and until it ends once nobody reads on. */
export async function firstOutput(
  command: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "ignore"], env });
  const ended = new Promise<void>((done) => child.once("close", () => done()));
  for await (const _ of child.stdout) break;
  const took = performance.now() - startedAt;
  child.stdout.destroy();
  child.kill();
  await ended;
  return took;
}

/** Resolves when the port greets. */
async function greeted(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  try {
    for await (const _ of socket) return;
  } finally {
    socket.destroy();
  }
}

/** A host with so many deferred messages, and what starting it took (ms). */
async function startWith(scope: Parameters<typeof prepareSite>[0], messages: number) {
  const site = await prepareSite(scope, {
    settings: { queue: { interval: "20m" } },
    files: { "etc/mail/local-host-names": `${DOMAIN}\n` },
    zone: { "client.test": { a: ["127.0.0.1"] } },
  });
  await addAccounts(site, MAILBOXES);
  await fillQueue(site, messages);
  const startedAt = performance.now();
  const host = await startOn(scope, site);
  return { host, site, took: performance.now() - startedAt };
}

interface NewMail {
  readonly accepted: number;
  readonly delivered: number;
}

/** New mail beside the queue, messages a second. */
async function newMail(host: MailHost, messages: number, before: number): Promise<NewMail> {
  const counter = countDeliveries(host.path("var/spool/mail"), MAILBOXES);
  const load = {
    port: host.smtp.port,
    messages,
    connections: 20,
    each: 20,
    size: 10_240,
    mailboxes: 50,
    seconds: 300,
  };
  const startedAt = performance.now();
  const result: LoadResult = await sendLoad({ ...load, domain: DOMAIN });
  while (counter.count() < before + messages) await new Promise((done) => setTimeout(done, 20));
  const delivered = (messages * 1000) / (performance.now() - startedAt);
  return { accepted: (result.accepted * 1000) / result.milliseconds, delivered };
}

async function measure(messages: number, fresh: number): Promise<void> {
  const say = (text: string) => void process.stdout.write(`${text}\n`);
  await scoped(async (scope) => {
    const full = await startWith(scope, messages);
    const file = queuePaths(siteAt(full.site.root)).environment;
    say(`${messages} deferred messages, queue.mdb ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`);
    say(`start: ${full.took.toFixed(0)} ms`);
    const launcher = full.host.pid("mailhost");
    const shown = ({ proportional, anonymous, mapped }: Memory) =>
      `${proportional.toFixed(0)} MiB, of it anonymous ${anonymous.toFixed(0)}, mapped ${mapped.toFixed(0)}`;
    say(`memory (PSS of all processes) after the start: ${shown(memoryOfTree(launcher))}`);
    const empty = await startWith(scope, 0);
    say(`start of a host with an empty queue: ${empty.took.toFixed(0)} ms`);
    for (const { host } of [full, empty]) await newMail(host, 500, 0);
    const rates: { full: NewMail; empty: NewMail }[] = [];
    for (let round = 0; round < 4; round++) {
      const before = 500 + round * fresh;
      // In turns, so that what else the machine does falls on both.
      const first = round % 2 === 0 ? full : empty;
      const one = await newMail(first.host, fresh, before);
      const other = await newMail(first === full ? empty.host : full.host, fresh, before);
      rates.push(first === full ? { full: one, empty: other } : { full: other, empty: one });
    }
    for (const rate of rates) {
      say(
        `new mail delivered/s: ${rate.full.delivered.toFixed(0)} beside the queue, ${rate.empty.delivered.toFixed(0)} with none`,
      );
    }
    say(`memory after new mail: ${shown(memoryOfTree(launcher))}`);
    say(`memory of the empty host: ${shown(memoryOfTree(empty.host.pid("mailhost")))}`);
    const env = { ...process.env, MAILHOST_ROOT: full.site.root };
    const mailq = fileURLToPath(new URL("../packages/mta/bin/mailq.js", import.meta.url));
    const list = full.site.commandLine(["queue", "list"]);
    for (const command of [[process.execPath, mailq], list, [...list, "--json"]]) {
      const took = await firstOutput(command, env);
      say(`${command.slice(1, 5).join(" ")}: first line after ${took.toFixed(0)} ms`);
    }
    const killedAt = performance.now();
    full.host.signal("mta", "SIGKILL");
    await greeted(full.host.smtp.port);
    say(`greeting after mta was killed: ${(performance.now() - killedAt).toFixed(0)} ms`);
  });
}

if (process.argv[1]?.endsWith("deferred-queue.ts")) {
  const words = Object.fromEntries(process.argv.slice(2).map((word) => word.split("=", 2)));
  const { messages = "1000000", new: fresh = "3000" } = words as Record<string, string>;
  await measure(Number(messages), Number(fresh));
}
