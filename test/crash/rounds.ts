/**
 * Rounds of traffic with one kill in each. After every kill the host comes back, the queue drains, and every letter that was
 * acknowledged is looked for: in mailboxes, at the other hosts, in reports, and among what was fetched.
 */
import { readFileSync, statSync } from "node:fs";
import { siteAt } from "@mailhost/common/site";
import { viewQueue } from "@mailhost/mta/commands/queue-view";
import type { Random } from "../corpus/random.ts";
import { eventually } from "../harness/eventually.ts";
import { PASSWORD } from "../harness/host.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { openPop3 } from "../harness/pop3-client.ts";
import { openSmtp } from "../harness/smtp-client.ts";
import { Accounts, type Findings, letterKey } from "./accounts.ts";
import { type CrashHost, DOMAIN, FETCHED, MAILBOXES, SENDER } from "./crash-host.ts";
import { type Fetchers, startFetchers } from "./fetchers.ts";
import { type Hit, isCommand, type KillPoint, nameOf, strike } from "./kill-points.ts";
import { isWhole, markIn } from "./marked-mail.ts";
import { operate } from "./operators.ts";
import { sendTraffic } from "./traffic.ts";

/** One round and what came of it. */
export interface RoundResult extends Findings {
  readonly round: number;
  readonly point: string;
  readonly hit: Hit;
  /** ms from the kill to the moment in which every letter was where it belongs and the queue was empty. */
  readonly drained: number;
}

/** A run of rounds over one host. */
export interface RoundsPlan {
  readonly at: CrashHost;
  readonly points: readonly KillPoint[];
  /** Of each round. */
  readonly messages: number;
  readonly connections: number;
  readonly random: Random;
  /** Told after each round. */
  onRound(result: RoundResult, accounts: Accounts): void;
}

/** What a run came to. */
export interface RoundsResult {
  readonly rounds: readonly RoundResult[];
  readonly acknowledged: number;
  readonly fetched: number;
  readonly torn: readonly string[];
}

/** ms that the queue may take to drain: locks of the dead are broken after 15 s, and attempts are repeated. */
const DRAINED_WITHIN = 120_000;
/** ms after which an attempt is asked for. */
const HURRY_AFTER = 4000;

/** Deaths of daemons in a row after which a host is stopped and started. */
const MOST_DEATHS = 2;

/** Runs the rounds. A letter that is lost does not end the run. */
export async function runRounds(plan: RoundsPlan): Promise<RoundsResult> {
  const { at, points, random } = plan;
  const accounts = new Accounts();
  const fetchers = startFetchers(at, accounts, 2);
  const results: RoundResult[] = [];
  let deaths = 0;
  for (const [n, point] of points.entries()) {
    // A daemon that dies often is started again ever later, up to 8 s: the host is stopped and begins anew.
    if (deaths >= MOST_DEATHS) await at.host.restart();
    const isDaemon = point.victim === "mta" || point.victim === "pop3";
    deaths = point.victim === "launcher" ? 0 : (deaths >= MOST_DEATHS ? 0 : deaths) + (isDaemon ? 1 : 0);
    const result = await runRound(plan, { round: n + 1, point, accounts, fetchers, random });
    results.push(result);
    plan.onRound(result, accounts);
  }
  return {
    rounds: results,
    acknowledged: accounts.acknowledged,
    fetched: fetchers.deleted,
    torn: accounts.torn,
  };
}

interface RoundParts {
  readonly round: number;
  readonly point: KillPoint;
  readonly accounts: Accounts;
  readonly fetchers: Fetchers;
  readonly random: Random;
}

async function runRound(plan: RoundsPlan, parts: RoundParts): Promise<RoundResult> {
  const { at, messages, connections } = plan;
  const { round, point, accounts, fetchers, random } = parts;
  let count = 0;
  let over = false;
  at.sinks.setOpen(false);
  fetchers.resume();
  const traffic = sendTraffic({
    at,
    accounts,
    round,
    messages,
    connections,
    random,
    onAcknowledged: (n) => (count = n),
  }).finally(() => (over = true));
  const operator = operate({ at, accounts, round, point, random });
  const moment = random.integer(Math.floor(messages / 5), Math.floor(messages / 2));
  const killer = async (): Promise<Hit | undefined> => {
    await eventually(() => count >= moment || over, { within: 120_000, what: `${moment} acknowledgements` });
    await new Promise((resume) => setTimeout(resume, random.integer(0, 25)));
    return isCommand(point.victim) ? undefined : strike(at, point);
  };
  const [, byOperator, byKiller] = await Promise.all([traffic, operator, killer()]);
  const killed = Date.now();
  at.sinks.setOpen(true);
  const findings = await drain(at, accounts, fetchers);
  return {
    round,
    point: nameOf(point),
    hit: byKiller ?? byOperator ?? "nothing to kill",
    drained: Date.now() - killed,
    ...findings,
  };
}

/** Waits until the queue is empty and each letter is where it belongs, as long as that may take; what is not there then is lost. */
async function drain(at: CrashHost, accounts: Accounts, fetchers: Fetchers): Promise<Findings> {
  const began = Date.now();
  let hurried = began;
  // Only a host that has its queue open is looked into: two that open and close one LMDB environment at the same moment, with nobody
  // else there, spoil its locks for both, and we would go on holding what is spoilt.
  await eventually(() => greets(at), {
    within: 60_000,
    what: () => `a greeting; the log ends\n${logOf(at).slice(-3000)}`,
  });
  for (;;) {
    if (await queueIsEmpty(at)) break;
    if (Date.now() - began > DRAINED_WITHIN) break;
    if (Date.now() - hurried > HURRY_AFTER) {
      hurried = Date.now();
      await at.host.mailhost(["queue", "run"]);
    }
    await new Promise((resume) => setTimeout(resume, 50));
  }
  await fetchers.pause();
  await mendFetched(at);
  await takeFromSinks(at, accounts);
  return accounts.audit(await lettersInMailboxes(at, accounts));
}

/**
 * A POP3 server that was killed in a removal leaves its mailbox between two states until somebody locks it: what was moved to the front
 * is behind it as well. We read mailboxes without their locks, so a login has to come before.
 */
async function mendFetched(at: CrashHost): Promise<void> {
  for (const name of FETCHED) {
    const journal = at.host.path(`var/lib/mailhost/journal/${name}`);
    const isMended = () => (statSync(journal, { throwIfNoEntry: false })?.size ?? 0) === 0;
    const look = async () => {
      if (isMended()) return true;
      const session = await openPop3(at.host.pop3, { patience: 30_000 });
      try {
        await session.login(name, PASSWORD);
        await session.quit();
      } finally {
        session.close();
      }
      return isMended();
    };
    await eventually(() => look().catch(() => false), {
      within: 60_000,
      what: `a mended mailbox of ${name}`,
    });
  }
}

async function greets({ host }: CrashHost): Promise<boolean> {
  const client = await openSmtp(host.smtp, { patience: 20_000 });
  await client.quit().catch(() => undefined);
  client.close();
  return client.greeting.code === 220;
}

/** Asks as `mailhost queue list` does: what is in the daemon's journal alone counts. */
async function queueIsEmpty(at: CrashHost): Promise<boolean> {
  try {
    return await viewQueue(siteAt(at.host.root), (store) => store === undefined || store.count() === 0);
  } catch {
    // It is just being made, or moved aside.
    return false;
  }
}

/** What the other hosts hold is taken. */
async function takeFromSinks({ sinks }: CrashHost, accounts: Accounts): Promise<void> {
  for (const { mark, whole, recipient, text } of await sinks.taken()) {
    if (mark !== undefined && whole) accounts.taken(mark, recipient);
    else accounts.torn.push(`${mark ?? "no mark"}, taken for ${recipient}: ${JSON.stringify(text)}`);
  }
}

/** How often each letter is in a mailbox now. A report stands for the recipient that it is about. */
async function lettersInMailboxes(at: CrashHost, accounts: Accounts): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const name of MAILBOXES) {
    for (const { message } of readMbox(at.host.path(`var/spool/mail/${name}`))) {
      const mark = markIn(message);
      const isReport = name === SENDER;
      if (mark === undefined || (!isReport && !isWhole(message))) {
        const text = message.toString("latin1", 0, 200);
        accounts.torn.push(`${mark ?? "no mark"}, in the mailbox of ${name}: ${JSON.stringify(text)}`);
        continue;
      }
      const key = letterKey(mark, isReport ? "nobody@elsewhere.example" : `${name}@${DOMAIN}`);
      found.set(key, (found.get(key) ?? 0) + 1);
    }
  }
  return found;
}

/** The end of the host's log, for whoever looks into a loss. */
export function logOf(at: CrashHost): string {
  return readFileSync(at.host.path("var/log/mail.log"), "utf8");
}
