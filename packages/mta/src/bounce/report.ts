/**
 * Who is told what after an attempt: decides which delivery reports are due. Pure; bounce/dsn.ts writes them.
 *
 * Failures go to the envelope sender: the message's, or the owner of the list that led to the recipient. A failure of what
 * has no sender is a double bounce; one of a double bounce ends in the log. What was delivered and asked for a
 * receipt is told in the same report.
 */
import type { ExpandedAddress, NotifyWhen, QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";

/** `double-bounce` is a failure that postmaster is told of in the sender's place. */
export type ReportKind = "failure" | "delay" | "success" | "double-bounce";

/** A report to write. */
export interface Report {
  readonly kind: ReportKind;
  /** Address that it goes to. */
  readonly to: string;
  /** Those that it is about; see {@link fateOf}. */
  readonly recipients: readonly QueueRecipient[];
  /** Aliases of which the sender is told that they led to several recipients. */
  readonly expanded?: readonly ExpandedAddress[];
}

/** Recipients of one message by what has just become of them. */
export interface Settled {
  readonly failed: readonly QueueRecipient[];
  /** Deferred ones, when the time of the warning has come. */
  readonly delayed: readonly QueueRecipient[];
  readonly delivered: readonly QueueRecipient[];
  /** Aliases of which the sender is still to be told. */
  readonly expanded?: readonly ExpandedAddress[];
}

/** The postmaster's part in the decision. */
export interface ReportRules {
  /** Who gets what cannot be returned; empty: nobody (DoubleBounceAddress). */
  readonly doubleBounceAddress: string;
  /** False: success is never reported (PrivacyOptions noreceipts). */
  readonly receipts: boolean;
}

/** The reports that are due, and why nobody is told where somebody should be. */
export interface ReportDecision {
  readonly reports: readonly Report[];
  /** Failed recipients of a double bounce: it ends here. */
  readonly dropped: readonly QueueRecipient[];
}

/** Recipients in one report; more make another one, so that none grows over 64 KiB. */
const RECIPIENTS_PER_REPORT = 20;

const RULES: ReportRules = { doubleBounceAddress: "postmaster", receipts: true };

/** Decides by the sender and by what it asked for with NOTIFY (RFC 3461 section 4.1). */
export function decideReports(
  entry: QueueEntry,
  settled: Settled,
  rules: ReportRules = RULES,
): ReportDecision {
  const returnTo = (recipient: QueueRecipient) => recipient.sender ?? entry.sender;
  const failed = groupBy(settled.failed, returnTo);
  const orphans = failed.get("") ?? [];
  if (orphans.length > 0 && entry.isDoubleBounce === true) return { reports: [], dropped: orphans };
  const { delayed, delivered, expanded } = asked(settled, rules);
  const receipts = groupBy(delivered, returnTo);
  const senders = new Set([
    ...failed.keys(),
    ...receipts.keys(),
    ...(expanded.length > 0 ? [entry.sender] : []),
  ]);
  senders.delete("");
  const reports: Report[] = [];
  // Postmaster is told whatever NOTIFY says: there is no sender whose wish it could be.
  if (rules.doubleBounceAddress !== "") {
    reports.push(...split("double-bounce", rules.doubleBounceAddress, orphans));
  }
  for (const to of senders) {
    const bad = (failed.get(to) ?? []).filter((recipient) => wants(recipient, "FAILURE"));
    const names = to === entry.sender ? expanded : [];
    const about = [...bad, ...(receipts.get(to) ?? [])];
    reports.push(...split(bad.length > 0 ? "failure" : "success", to, about, names));
  }
  for (const [to, recipients] of groupBy(delayed, returnTo)) {
    if (to !== "") reports.push(...split("delay", to, recipients));
  }
  return { reports, dropped: [] };
}

function groupBy(
  recipients: readonly QueueRecipient[],
  keyOf: (recipient: QueueRecipient) => string,
): Map<string, QueueRecipient[]> {
  const groups = new Map<string, QueueRecipient[]>();
  for (const recipient of recipients) {
    const key = keyOf(recipient);
    groups.set(key, [...(groups.get(key) ?? []), recipient]);
  }
  return groups;
}

/** What is told only to who asked for it. */
function asked(settled: Settled, { receipts }: ReportRules) {
  const success = receipts ? settled.delivered : [];
  return {
    delayed: settled.delayed.filter((recipient) => wants(recipient, "DELAY")),
    delivered: success.filter((r) => r.notify?.includes("SUCCESS") && r.dsnRelayed !== true),
    expanded: receipts ? (settled.expanded ?? []) : [],
  };
}

/** With no NOTIFY failures and delays are reported. */
function wants(recipient: QueueRecipient, when: NotifyWhen): boolean {
  return recipient.notify === undefined || recipient.notify.includes(when);
}

function split(
  kind: ReportKind,
  to: string,
  recipients: readonly QueueRecipient[],
  expanded: readonly ExpandedAddress[] = [],
): Report[] {
  const reports: Report[] = [];
  for (let i = 0; i < Math.max(recipients.length, expanded.length); i += RECIPIENTS_PER_REPORT) {
    const names = expanded.slice(i, i + RECIPIENTS_PER_REPORT);
    reports.push({
      kind,
      to,
      recipients: recipients.slice(i, i + RECIPIENTS_PER_REPORT),
      ...(names.length === 0 ? {} : { expanded: names }),
    });
  }
  return reports;
}

/** What a report says of one of its recipients. */
export function fateOf(kind: ReportKind, { state }: QueueRecipient): "failed" | "delayed" | "delivered" {
  if (kind === "delay") return "delayed";
  return kind === "success" || state === "delivered" ? "delivered" : "failed";
}
