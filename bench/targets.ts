/**
 * What mailhost is to reach, each as a row with the figure of this run: a ratio to a peer of the same run, or a bound. Of Postfix the
 * better of its default and its tuned configuration counts, which deliver to Unix accounts as mailhost does.
 */
import type { DiskRow } from "./disk.ts";
import type { Pop3Row } from "./pop3.ts";
import { METRICS, type Metric, type SmtpFigures } from "./smtp-scenarios.ts";
import { digits, median, times, timesAhead } from "./statistics.ts";

/** One target. */
export interface Verdict {
  readonly target: string;
  readonly wanted: string;
  readonly found: string;
  /** Undefined when the peer or the scenario was not measured. */
  readonly met: boolean | undefined;
}

/** A peer's median of a scenario; NaN when it was not measured. */
export function smtpMedian(figures: SmtpFigures, scenario: string, peer: string, metric: Metric): number {
  const all = figures.get(scenario)?.get(peer) ?? [];
  return median(all.map((one) => one[metric]).filter((value) => value !== undefined));
}

interface Wanted {
  readonly scenario: string;
  readonly words: string;
  readonly metric: Metric;
  /** Times ahead of Postfix and Sendmail. */
  readonly postfix?: number;
  readonly sendmail?: number;
  /** At least, or at most where less is better. */
  readonly bound?: number;
}

const SMTP: readonly Wanted[] = [
  {
    scenario: "c20",
    words: "20 connections, a message each: delivered a second",
    metric: "delivered",
    postfix: 4,
    sendmail: 10,
  },
  {
    scenario: "c20k100",
    words: "20 connections, 100 each: accepted a second",
    metric: "accepted",
    postfix: 4,
    bound: 3000,
  },
  { scenario: "one", words: "into one mailbox: delivered a second", metric: "delivered", postfix: 6 },
  { scenario: "c200", words: "200 connections: delivered a second", metric: "delivered", postfix: 5 },
  {
    scenario: "c200-4k",
    words: "200 connections, 4 KiB: delivered a second",
    metric: "delivered",
    postfix: 5,
  },
  { scenario: "c200", words: "200 connections: longest wait, ms", metric: "wait", bound: 2000 },
  { scenario: "c1", words: "one connection: delivered a second", metric: "delivered", postfix: 2 },
  {
    scenario: "c1-one",
    words: "one connection, one mailbox: delivered a second",
    metric: "delivered",
    postfix: 2,
  },
  { scenario: "c20", words: "processor seconds for 1,000 messages", metric: "processor", bound: 0.6 },
  { scenario: "c20", words: "peak memory, MiB", metric: "memory", bound: 200 },
  { scenario: "5m", words: "5 MiB: delivered a second", metric: "delivered", postfix: 1.5 },
  { scenario: "relay", words: "relayed a second", metric: "delivered", postfix: 2 },
  { scenario: "c20", words: "time to the 250, median, ms", metric: "median", postfix: 1 },
  { scenario: "c20", words: "time to the 250, 99 of 100, ms", metric: "p99", postfix: 1 },
];

/** Judges the SMTP part. */
export function smtpVerdicts(figures: SmtpFigures): Verdict[] {
  const verdicts = SMTP.filter(({ scenario }) => figures.has(scenario)).flatMap((wanted) => {
    const { scenario, metric, words } = wanted;
    const value = (peer: string) => smtpMedian(figures, scenario, peer, metric);
    const mine = value("mailhost");
    const { more } = METRICS[metric];
    const rows: Verdict[] = [];
    if (wanted.bound !== undefined) {
      const sign = more ? ">=" : "<=";
      const met = more ? mine >= wanted.bound : mine <= wanted.bound;
      rows.push(
        verdict(words, `${sign} ${wanted.bound}`, digits(mine), Number.isNaN(mine) ? undefined : met),
      );
    }
    for (const [title, factor, theirs] of [
      ["Postfix", wanted.postfix, better([value("postfix"), value("postfix-tuned")], more)],
      ["Sendmail", wanted.sendmail, value("sendmail")],
    ] as const) {
      if (factor === undefined) continue;
      const ahead = timesAhead(mine, theirs, more);
      // Shown, not judged: it is easier work.
      const virtual = title === "Postfix" ? times(timesAhead(mine, value("postfix-virtual"), more)) : "";
      const beside = virtual === "" ? "" : `; virtual(8): ${virtual}`;
      const found = Number.isNaN(ahead)
        ? ""
        : `${digits(mine)} to ${digits(theirs)}: ${times(ahead)}${beside}`;
      const target = factor === 1 ? `better than ${title}` : `${factor} x ${title}`;
      rows.push(verdict(words, target, found, Number.isNaN(ahead) ? undefined : ahead >= factor));
    }
    return rows;
  });
  return [...verdicts, ...lossVerdict(figures)];
}

function lossVerdict(figures: SmtpFigures): Verdict[] {
  const all = [...figures.values()].flatMap((peers) => peers.get("mailhost") ?? []);
  const counted = all.flatMap(({ unaccounted }) => (unaccounted === undefined ? [] : [unaccounted]));
  if (counted.length === 0) return [];
  const lost = counted.reduce((sum, n) => sum + n, 0);
  return [verdict("messages unaccounted for, in all loads", "0", String(lost), lost === 0)];
}

/** Judges the disk part. */
export function diskVerdicts(rows: readonly DiskRow[]): Verdict[] {
  const ours = rows.filter(({ peer, connections }) => peer === "mailhost" && connections === 200);
  const row = ours.find(({ atFullSpeed }) => atFullSpeed) ?? ours[0];
  if (row === undefined) return [];
  const how = row.atFullSpeed ? ", at full speed" : ", under strace";
  const words = `200 connections: calls a message that force octets to the disk${how}`;
  return [verdict(words, "<= 0.1", row.forced.toFixed(3), row.forced <= 0.1)];
}

/** Judges the POP3 part: ahead of both, only the cold opening may take 1.5 times what popa3d takes. */
export function pop3Verdicts(rows: readonly Pop3Row[]): Verdict[] {
  return rows
    .filter(({ unit }) => unit !== "ms" && unit !== "us a message")
    .map(({ scenario, unit, medians }) => {
      const { mailhost = Number.NaN, ...others } = medians;
      const more = unit === "MiB/s" || unit === "a second";
      const cold = /first|cold/.test(scenario);
      const factor = (peer: string) => (cold && peer === "popa3d" ? 1 / 1.5 : 1);
      const ahead = Object.entries(others).map(
        ([peer, theirs]) => timesAhead(mailhost, theirs, more) / factor(peer),
      );
      const best = better(Object.values(others), more);
      return verdict(
        `POP3, ${scenario}, ${unit}`,
        cold ? "better than Dovecot, within 1.5 x popa3d" : "better than all",
        Number.isNaN(best)
          ? ""
          : `${digits(mailhost)} to ${digits(best)}: ${times(timesAhead(mailhost, best, more))}`,
        ahead.length === 0 ? undefined : ahead.every((n) => n >= 1),
      );
    });
}

function better(values: readonly number[], more: boolean): number {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return Number.NaN;
  return more ? Math.max(...known) : Math.min(...known);
}

function verdict(target: string, wanted: string, found: string, met: boolean | undefined): Verdict {
  return { target, wanted, found, met };
}
