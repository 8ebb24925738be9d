/**
 * `npm run soak -- company`: a company's whole traffic at half of full speed for as long as is asked for, and then the accounts: is all
 * mail where it belongs, once; did memory, descriptors, threads and queue stay as they were; is the log free of errors.
 */
import { randomFrom } from "../corpus/random.ts";
import type { Scope } from "../harness/clean-ups.ts";
import { eventually } from "../harness/eventually.ts";
import type { MailHost } from "../harness/host.ts";
import { PARTNER, Postmaster, startCompany, USERS } from "./company-host.ts";
import { CompanyMail } from "./company-mail.ts";
import { CompanyPollers } from "./company-pollers.ts";
import { type Allowance, type Point, type Trend, trendOf } from "./flatness.ts";
import { Ledger, RELAYED } from "./ledger.ts";
import { startOtherCompany } from "./other-company.ts";
import { PROCESSES, type ProcessSample, sampleProcess } from "./process-samples.ts";

/** How a run is. */
export interface CompanySoak {
  readonly seconds: number;
  readonly seed: number;
  /** Messages a second; absent: half of what the host takes when it is asked to take all it can. */
  readonly rate?: number;
  /** How long that is measured (s). */
  readonly trial: number;
  /** Seconds between samples, between polls of a mailbox, and between two deeds of the postmaster. */
  readonly every: { readonly sample: number; readonly poll: number; readonly work: number };
}

/** One moment of a run. */
export interface CompanySample {
  /** Seconds since the load began. */
  readonly at: number;
  readonly accepted: number;
  readonly fetched: number;
  /** Messages in the queue. */
  readonly queue: number;
  readonly processes: Readonly<Record<string, ProcessSample>>;
}

/** One judgement. */
export interface Verdict {
  readonly what: string;
  readonly trend: Trend;
}

/** What a run came to. */
export interface CompanyResult {
  readonly fullSpeed: number | undefined;
  readonly rate: number;
  readonly seconds: number;
  readonly accepted: number;
  readonly arrived: number;
  readonly relayed: number;
  readonly polls: number;
  /** Logins that found the mailbox in use, and came again. */
  readonly inUse: number;
  readonly spamRefused: number;
  readonly busy: number;
  readonly lost: readonly string[];
  readonly surplus: readonly string[];
  /** What went wrong: sessions, commands, lines of the log, processes that are not those that began. */
  readonly faults: readonly string[];
  readonly verdicts: readonly Verdict[];
  readonly samples: readonly CompanySample[];
  readonly isSound: boolean;
}

/** Sessions that send at once. */
const SENDERS = 40;
/** The part of all logins that may find the mailbox in use. */
const MOST_IN_USE = 0.01;
/** Faults that are kept; one is enough to fail. */
const MOST_FAULTS = 50;
const MIB = 1024;
/** Below this a host is still warming up, and only what grows without measure can be told from it (s). */
const LONG = 600;

/** Runs it. */
export async function soakCompany(
  scope: Scope,
  plan: CompanySoak,
  say: (text: string) => void,
): Promise<CompanyResult> {
  const random = randomFrom(plan.seed);
  const ledger = new Ledger();
  const faults: string[] = [];
  const fault = (what: string, error: unknown) => {
    if (faults.length < MOST_FAULTS)
      faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  };
  const partner = await startOtherCompany(PARTNER, randomFrom(plan.seed + 1), (message) => {
    ledger.found(Number(/^X-Mark: (\d+)/m.exec(message.toString("latin1"))?.[1]), RELAYED);
  });
  scope.after(() => partner.close());
  const host = await startCompany(scope, partner.port);
  const mail = new CompanyMail(host, random, ledger);
  const pollers = new CompanyPollers(host, ledger);
  const postmaster = new Postmaster(host, faults);
  const pids = new Map(PROCESSES.map((name) => [name, host.pid(name)]));

  const session = () =>
    mail.session().catch((error: unknown) => {
      fault("session", error);
      return 1;
    });
  const fullSpeed = plan.rate === undefined ? await measured(mail, session, plan.trial) : undefined;
  const rate = plan.rate ?? fullSpeed! / 2;
  if (fullSpeed !== undefined) say(`full speed: ${fullSpeed.toFixed(0)} messages a second`);
  say(`${rate.toFixed(0)} messages a second for ${plan.seconds} s`);

  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1000;
  const isOver = () => elapsed() >= plan.seconds;
  const samples: CompanySample[] = [];
  const sample = async () => {
    try {
      const one = await sampleHost(host, {
        at: elapsed(),
        accepted: mail.counts.accepted,
        fetched: pollers.fetched,
      });
      samples.push(one);
      say(sampleText(one));
      for (const [name, pid] of pids) {
        if (one.processes[name]?.pid !== pid) fault("process", `${name} is another one than at the start`);
      }
    } catch (error) {
      fault("sample", error);
    }
  };
  await Promise.all([
    paced({ isOver, rate, session }),
    everySeconds(plan.every.sample, isOver, sample),
    everySeconds(plan.every.work, isOver, () =>
      postmaster.work().catch((error: unknown) => fault("postmaster", error)),
    ),
    everySeconds(plan.every.work / 2, isOver, () =>
      mail.sendmail().catch((error: unknown) => fault("sendmail", error)),
    ),
    ...[0, 1, 2].map((n) =>
      polling(
        pollers,
        USERS.filter((_, i) => i % 3 === n),
        plan.every.poll,
        isOver,
        fault,
      ),
    ),
  ]);
  const seconds = elapsed();

  await eventually(async () => (await queueLength(host)) === 0, {
    within: 120_000,
    what: "an empty queue",
  }).catch((error: unknown) => fault("drain", error));
  for (const user of USERS)
    await pollers.poll(user, 0).catch((error: unknown) => fault(`last poll of ${user}`, error));
  postmaster.readLog(host.path("var/log/mail.log"));
  const { lost, surplus } = ledger.audit();
  const verdicts = judge(samples, seconds);
  const { accepted, spamRefused, busy } = mail.counts;
  return {
    fullSpeed,
    rate,
    seconds,
    accepted,
    arrived: ledger.seen,
    relayed: partner.taken,
    polls: pollers.polls,
    inUse: pollers.inUse,
    spamRefused,
    busy,
    lost,
    surplus,
    faults,
    verdicts,
    samples,
    isSound:
      lost.length + surplus.length + faults.length === 0 &&
      accepted > 0 &&
      pollers.inUse <= MOST_IN_USE * pollers.polls &&
      verdicts.every(({ trend }) => trend.isFlat),
  };
}

/** Sends as fast as it goes; messages a second that were accepted. */
async function measured(
  mail: CompanyMail,
  session: () => Promise<unknown>,
  seconds: number,
): Promise<number> {
  const before = mail.counts.accepted;
  const began = performance.now();
  const sender = async () => {
    while (performance.now() - began < seconds * 1000) await session();
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  return (mail.counts.accepted - before) / ((performance.now() - began) / 1000);
}

/** Begins sessions at their times, whatever became of those before, as long as there are senders. */
async function paced(load: {
  readonly isOver: () => boolean;
  readonly rate: number;
  readonly session: () => Promise<number>;
}): Promise<void> {
  let next = performance.now();
  const sender = async () => {
    while (!load.isOver()) {
      const wait = next - performance.now();
      // Who is behind does not try to catch up with all that was left undone.
      if (wait < -1_000) next = performance.now();
      // What the session is about is known when it is over; until then it counts as the mean.
      next += 2_000 / load.rate;
      if (wait > 0) await pause(wait);
      const messages = await load.session();
      next += ((messages - 2) * 1_000) / load.rate;
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
}

async function polling(
  pollers: CompanyPollers,
  users: readonly string[],
  every: number,
  isOver: () => boolean,
  fault: (what: string, error: unknown) => void,
): Promise<void> {
  for (let i = 0; !isOver(); i++) {
    const user = users[i % users.length]!;
    const began = performance.now();
    await pollers.poll(user).catch((error: unknown) => fault(`poll of ${user}`, error));
    await pause(Math.max(0, (every * 1000) / users.length - (performance.now() - began)));
  }
}

async function everySeconds(
  seconds: number,
  isOver: () => boolean,
  act: () => Promise<unknown>,
): Promise<void> {
  while (!isOver()) {
    await pause(seconds * 1000);
    if (!isOver()) await act();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}

async function queueLength(host: MailHost): Promise<number> {
  const { stdout } = await host.mailhost(["queue", "list", "--json"]);
  return stdout.split('"id"').length - 1;
}

async function sampleHost(
  host: MailHost,
  known: Pick<CompanySample, "at" | "accepted" | "fetched">,
): Promise<CompanySample> {
  const processes = Object.fromEntries(PROCESSES.map((name) => [name, sampleProcess(host.pid(name))]));
  return { ...known, queue: await queueLength(host), processes };
}

/** What must stay as it is. */
function judge(samples: readonly CompanySample[], seconds: number): Verdict[] {
  const isLong = seconds >= LONG;
  const memory: Allowance = { absolute: (isLong ? 12 : 128) * MIB, relative: isLong ? 0.1 : 0.5 };
  const series = (what: string, allowance: Allowance, of: (sample: CompanySample) => number): Verdict => {
    const points: Point[] = samples.map((sample) => ({ at: sample.at, value: of(sample) }));
    return { what, trend: trendOf(points, allowance) };
  };
  return [
    ...PROCESSES.flatMap((name) => [
      series(`${name}: own memory, KiB`, memory, ({ processes }) => processes[name]!.own),
      series(`${name}: PSS, KiB`, memory, ({ processes }) => processes[name]!.pss),
      series(
        `${name}: descriptors`,
        { absolute: 20, relative: 0.1 },
        ({ processes }) => processes[name]!.descriptors,
      ),
      series(`${name}: threads`, { absolute: 4, relative: 0 }, ({ processes }) => processes[name]!.threads),
    ]),
    series("queue, messages", { absolute: 500, relative: 0.5 }, ({ queue }) => queue),
  ];
}

function sampleText({ at, accepted, fetched, queue, processes }: CompanySample): string {
  const each = Object.entries(processes).map(
    ([name, p]) =>
      `${name} ${(p.pss / MIB).toFixed(0)}/${(p.own / MIB).toFixed(0)} MiB ${p.descriptors} fd ${p.threads} th ${p.processor.toFixed(0)} s`,
  );
  return `${at.toFixed(0)} s: ${accepted} accepted, ${fetched} fetched, ${queue} queued; ${each.join("; ")}`;
}

/** The result as a table. */
export function companyText(result: CompanyResult): string {
  const row = ({ what, trend }: Verdict) =>
    `${what.padEnd(28)}${[trend.before, trend.after, trend.peak, trend.growth].map((n) => n.toFixed(0).padStart(10)).join("")}  ${trend.isFlat ? "flat" : "GROWS"}`;
  const list = (what: string, all: readonly string[]) =>
    all.length === 0 ? [] : [`${what}: ${all.length}`, ...all.slice(0, 20).map((line) => `  ${line}`)];
  return [
    `${result.accepted} messages accepted, ${result.arrived} arrivals, ${result.relayed} of them relayed, in ${result.polls} polls, ${result.inUse} more found the mailbox in use; ` +
      `${result.spamRefused} refused to relay, ${result.busy} told to come later`,
    `${"".padEnd(28)}${["2nd quarter", "last", "peak", "growth"].map((n) => n.padStart(10)).join("")}`,
    ...result.verdicts.map(row),
    ...list("lost", result.lost),
    ...list("surplus", result.surplus),
    ...list("faults", result.faults),
    result.isSound ? "sound" : "NOT SOUND",
  ].join("\n");
}
