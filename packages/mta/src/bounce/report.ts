/**
 * Who is told what after an attempt: decides which delivery reports are due. Pure; bounce/dsn.ts writes them.
 *
 * A message from `<>` never causes a report to its sender. If it is no report itself its failure goes to
 * postmaster (a double bounce); a report that cannot be delivered ends in the log.
 */
import type { NotifyWhen, QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";

/** `double-bounce` is a failure that postmaster is told of in the sender's place. */
export type ReportKind = "failure" | "delay" | "success" | "double-bounce";

/** A report to write. */
export interface Report {
  readonly kind: ReportKind;
  /** Address that it goes to. */
  readonly to: string;
  readonly recipients: readonly QueueRecipient[];
}

/** Recipients of one message by what has just become of them. */
export interface Settled {
  readonly failed: readonly QueueRecipient[];
  /** Deferred ones, when the time of the warning has come. */
  readonly delayed: readonly QueueRecipient[];
  readonly delivered: readonly QueueRecipient[];
}

/** The reports that are due, and why nobody is told where somebody should be. */
export interface ReportDecision {
  readonly reports: readonly Report[];
  /** Failed recipients of a report: it ends here. */
  readonly dropped: readonly QueueRecipient[];
}

/** Recipients in one report; more make another one, so that none grows over 64 KiB. */
const RECIPIENTS_PER_REPORT = 20;

/** Decides by the sender and by what it asked for with NOTIFY (RFC 3461 section 4.1). */
export function decideReports(entry: QueueEntry, settled: Settled): ReportDecision {
  const failed = settled.failed.filter((r) => wants(r, "FAILURE"));
  if (entry.sender === "") {
    // Postmaster is told whatever NOTIFY says: there is no sender whose wish it could be.
    if (entry.isReport === true) return { reports: [], dropped: settled.failed };
    return { reports: split("double-bounce", "postmaster", settled.failed), dropped: [] };
  }
  const delayed = settled.delayed.filter((r) => wants(r, "DELAY"));
  const delivered = settled.delivered.filter((r) => r.notify?.includes("SUCCESS") && r.dsnRelayed !== true);
  return {
    reports: [
      ...split("failure", entry.sender, failed),
      ...split("delay", entry.sender, delayed),
      ...split("success", entry.sender, delivered),
    ],
    dropped: [],
  };
}

/** With no NOTIFY failures and delays are reported. */
function wants(recipient: QueueRecipient, when: NotifyWhen): boolean {
  return recipient.notify === undefined || recipient.notify.includes(when);
}

function split(kind: ReportKind, to: string, recipients: readonly QueueRecipient[]): Report[] {
  const reports: Report[] = [];
  for (let i = 0; i < recipients.length; i += RECIPIENTS_PER_REPORT) {
    reports.push({ kind, to, recipients: recipients.slice(i, i + RECIPIENTS_PER_REPORT) });
  }
  return reports;
}
