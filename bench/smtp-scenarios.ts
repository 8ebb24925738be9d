/**
 * What is done with each SMTP server: the loads, their names, and what is read off them.
 */

/** One load. */
export interface SmtpScenario {
  /** The word by which `--only` chooses it. */
  readonly id: string;
  readonly title: string;
  readonly connections: number;
  /** Messages over one connection; 0: all that it can get. */
  readonly each: number;
  /** Octets of a message's text. */
  readonly size: number;
  readonly mailboxes: number;
  /** It is for elsewhere, by way of the smart host; what is delivered is what the sink has. */
  readonly relay?: true;
}

const KIB = 1024;
const BASE = { connections: 20, each: 1, size: 10 * KIB, mailboxes: 50 } as const;

export const SMTP_SCENARIOS: readonly SmtpScenario[] = [
  { id: "c20", title: "20 connections, a message each", ...BASE },
  { id: "c20k100", title: "20 connections, 100 messages each", ...BASE, each: 100 },
  { id: "one", title: "20 connections, into one mailbox", ...BASE, mailboxes: 1 },
  { id: "c200", title: "200 connections, a message each", ...BASE, connections: 200 },
  {
    id: "c200-4k",
    title: "200 connections, a message of 4 KiB each",
    ...BASE,
    connections: 200,
    size: 4 * KIB,
  },
  { id: "c1", title: "one connection at a time", ...BASE, connections: 1 },
  {
    ...{ id: "c1-one", title: "one connection at a time, 4 KiB, into one mailbox" },
    ...{ ...BASE, connections: 1, size: 4 * KIB, mailboxes: 1 },
  },
  { id: "64k", title: "20 connections, 64 KiB", ...BASE, size: 64 * KIB },
  { id: "5m", title: "20 connections, 5 MiB", ...BASE, size: 5 * KIB * KIB },
  { id: "relay", title: "20 connections, relayed to a sink", ...BASE, relay: true },
];

/** The loads of the plot: the first scenario over more and more connections. */
export const CURVE: readonly SmtpScenario[] = [1, 2, 5, 10, 20, 50, 100, 200].map((connections) => ({
  ...{ id: `n${connections}`, title: `${connections} connections` },
  ...{ ...BASE, connections },
}));

/** What is read off a measurement. */
export const METRICS = {
  delivered: { title: "delivered a second", more: true },
  accepted: { title: "accepted a second", more: true },
  median: { title: "time from MAIL to the 250 of a message, median, ms", more: false },
  p99: { title: "time from MAIL to the 250 of a message, 99 of 100, ms", more: false },
  wait: { title: "longest wait for a greeting or the 250 of a message, ms", more: false },
  processor: { title: "processor seconds for 1,000 messages", more: false },
  memory: { title: "peak memory of all processes (PSS), MiB", more: false },
  unaccounted: { title: "messages that were accepted and not delivered once", more: false },
} as const;

export type Metric = keyof typeof METRICS;

/** What one measurement gave; what does not apply is missing. */
export type Measured = Readonly<Partial<Record<Metric, number>>>;

/** All measurements of a run: by scenario, then by peer. */
export type SmtpFigures = ReadonlyMap<string, ReadonlyMap<string, readonly Measured[]>>;
