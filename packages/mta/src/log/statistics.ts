/**
 * Counters of what the host does, by mailer, for `mailstats`: kept in memory and written to one small file, at most every
 * few seconds and at the end, so that they cost nothing. They tell of totals; after a crash the last seconds are missing.
 */
import { readFileSync } from "node:fs";
import { replaceFile } from "@mailhost/common/atomic-file";
import type { Clock, Timer } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";

/** What is counted of one mailer. */
export interface MailerCounts {
  /** Messages that came by it, and their size in KiB, each rounded up. */
  messagesFrom: number;
  kibFrom: number;
  /** Deliveries by it. */
  messagesTo: number;
  kibTo: number;
  rejected: number;
  discarded: number;
  quarantined: number;
}

/** All counters. */
export interface Counts {
  /** When counting began (ms since 1970). */
  readonly since: number;
  readonly mailers: Readonly<Record<string, MailerCounts>>;
  /** TCP connections: that came, that we made, that were refused. */
  connectionsFrom: number;
  connectionsTo: number;
  connectionsRejected: number;
}

/** Mailers in Sendmail's order; their numbers are what `mailstats` prints first. */
export const MAILER_NUMBERS: readonly string[] = [
  "prog",
  "*file*",
  "*include*",
  "local",
  "smtp",
  "esmtp",
  "smtp8",
  "dsmtp",
  "relay",
];

/** Something to count. */
export type Counted =
  | { readonly what: "from" | "to"; readonly mailer: string; readonly size: number }
  | { readonly what: "rejected" | "discarded" | "quarantined"; readonly mailer: string }
  | { readonly what: "connection" | "outgoing connection" | "refused connection" };

/** The counters of a daemon. */
export interface Statistics {
  count(event: Counted): void;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

/** A log whose events are counted too. */
export interface CountingLog extends Log {
  readonly statistics: Statistics;
}

/** How long counters may wait to be written (ms). */
const WRITE_AFTER = 5000;

/** Counts into a file; a missing or broken one begins anew. */
export function openStatistics(file: string, { clock, log }: { clock: Clock; log: Log }): Statistics {
  /** What has been counted since the last writing: `mailstats -p` may begin the file anew in between. */
  let counts: Counts = emptyCounts(clock.now());
  let timer: Timer | undefined;
  let writing: Promise<void> = Promise.resolve();
  let failed = false;
  const write = () => {
    timer = undefined;
    writing = writing.then(async () => {
      const fresh = counts;
      counts = emptyCounts(clock.now());
      try {
        const sum = summed(readCounts(file) ?? emptyCounts(fresh.since), fresh);
        await replaceFile(file, `${JSON.stringify(sum)}\n`, { mode: 0o644, models: [] });
        failed = false;
      } catch (error) {
        counts = summed(fresh, counts);
        if (!failed) log.write("warn", `statistics: ${file} cannot be written: ${messageOf(error)}`);
        failed = true;
      }
    });
  };
  return {
    count(event) {
      add(counts, event);
      timer ??= clock.after(WRITE_AFTER, write);
    },
    async close() {
      if (timer !== undefined) {
        timer.cancel();
        write();
      }
      await writing;
    },
  };
}

/** The log with counters; events that tell of messages find them there. */
export function countingLog(log: Log, statistics: Statistics): CountingLog {
  return {
    get verbosity() {
      return log.verbosity ?? 9;
    },
    write: (level, text) => log.write(level, text),
    close: () => log.close(),
    statistics,
  };
}

/** Counts an event where the log has counters. */
export function counted(log: Log, event: Counted): void {
  (log as Partial<CountingLog>).statistics?.count(event);
}

/** The counters in a file, or undefined when there are none that can be read. */
export function readCounts(file: string): Counts | undefined {
  try {
    const read = JSON.parse(readFileSync(file, "utf8")) as Partial<Counts>;
    const numbers = [read.since, read.connectionsFrom, read.connectionsTo, read.connectionsRejected];
    const sound = numbers.every((n) => typeof n === "number") && typeof read.mailers === "object";
    return sound ? (read as Counts) : undefined;
  } catch {
    return undefined;
  }
}

/** Counters at nothing. */
export function emptyCounts(since: number): Counts {
  return { since, mailers: {}, connectionsFrom: 0, connectionsTo: 0, connectionsRejected: 0 };
}

/** Two counts together, since the first. */
function summed(a: Counts, b: Counts): Counts {
  const mailers: Record<string, MailerCounts> = {};
  for (const name of new Set([...Object.keys(a.mailers), ...Object.keys(b.mailers)])) {
    const sum = noCounts();
    for (const counts of [a.mailers[name], b.mailers[name]]) {
      for (const key of Object.keys(sum) as (keyof MailerCounts)[]) sum[key] += counts?.[key] ?? 0;
    }
    mailers[name] = sum;
  }
  return {
    since: a.since,
    mailers,
    connectionsFrom: a.connectionsFrom + b.connectionsFrom,
    connectionsTo: a.connectionsTo + b.connectionsTo,
    connectionsRejected: a.connectionsRejected + b.connectionsRejected,
  };
}

function noCounts(): MailerCounts {
  return {
    messagesFrom: 0,
    kibFrom: 0,
    messagesTo: 0,
    kibTo: 0,
    rejected: 0,
    discarded: 0,
    quarantined: 0,
  };
}

function add(counts: Counts, event: Counted): void {
  switch (event.what) {
    case "connection":
      counts.connectionsFrom += 1;
      return;
    case "outgoing connection":
      counts.connectionsTo += 1;
      return;
    case "refused connection":
      counts.connectionsRejected += 1;
      return;
    default:
  }
  const all = counts.mailers as Record<string, MailerCounts>;
  const mailer = (all[event.mailer] ??= noCounts());
  switch (event.what) {
    case "from":
      mailer.messagesFrom += 1;
      mailer.kibFrom += Math.ceil(event.size / 1024);
      break;
    case "to":
      mailer.messagesTo += 1;
      mailer.kibTo += Math.ceil(event.size / 1024);
      break;
    default:
      mailer[event.what] += 1;
  }
}
