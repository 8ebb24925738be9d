/**
 * Folds what a mailer reports into an entry: states, counters, the next attempt, and what the sender must be told.
 */
import type { Settled } from "../bounce/report.ts";
import type { Outcome } from "../deliver/outcome.ts";
import type { QueueEntry, QueueRecipient } from "./queue-entry.ts";
import { nextAttemptAt, type QueueTimes, returnAt, warnAt } from "./schedule.ts";

/** A recipient with its outcome. */
export interface RecipientOutcome {
  readonly recipient: QueueRecipient;
  readonly outcome: Outcome;
}

/** Recipients that are to be tried again. */
export function pendingOf(entry: QueueEntry): QueueRecipient[] {
  return entry.recipients.filter((recipient) => recipient.state === "pending");
}

/** When a recipient is due (ms since 1970). */
export function dueTime(recipient: QueueRecipient, entry: QueueEntry): number {
  return recipient.dueAt ?? entry.nextAttemptAt;
}

/**
 * Writes the outcomes of an attempt into their entry: counts it, gives up what is too old, and sets when the rest is due
 * again. Deferred recipients of one attempt stay together: they are due at the same time.
 *
 * @param now when the attempt ended (ms since 1970)
 */
export function settle(
  entry: QueueEntry,
  results: readonly RecipientOutcome[],
  now: number,
  times: QueueTimes,
): Settled {
  // Those that were not part of the attempt stay due when they were.
  for (const recipient of pendingOf(entry)) recipient.dueAt = dueTime(recipient, entry);
  const settled = { failed: [] as QueueRecipient[], delivered: [] as QueueRecipient[] };
  const deferred: DeferredRecipient[] = [];
  for (const { recipient, outcome } of results) {
    fold(recipient, outcome);
    if (outcome.kind === "failed") settled.failed.push(recipient);
    else if (outcome.kind === "delivered") settled.delivered.push(recipient);
    else deferred.push({ recipient, retryAt: outcome.retryAt });
  }
  if (results.length > 0) {
    entry.attempts = Math.max(entry.attempts, ...results.map(({ recipient }) => recipient.attempts ?? 0));
    entry.lastAttemptAt = now;
  }
  if (deferred.length > 0 && now >= returnAt(entry, times)) {
    for (const { recipient } of deferred) expire(recipient);
    settled.failed.push(...deferred.splice(0).map(({ recipient }) => recipient));
  }
  const warn = deferred.length > 0 && putOff(entry, deferred, now, times);
  const pending = pendingOf(entry);
  if (pending.length > 0) entry.nextAttemptAt = Math.min(...pending.map((r) => dueTime(r, entry)));
  const expanded = entry.expanded ?? [];
  if (entry.expanded !== undefined) delete entry.expanded;
  const { failed, delivered } = settled;
  return { failed, delivered, delayed: warn ? pending : [], expanded };
}

interface DeferredRecipient {
  readonly recipient: QueueRecipient;
  readonly retryAt: number | undefined;
}

/** Sets when deferred recipients are due again. @returns whether the sender is to be told of the delay now */
function putOff(
  entry: QueueEntry,
  deferred: readonly DeferredRecipient[],
  now: number,
  times: QueueTimes,
): boolean {
  const warning = warnAt(entry, times);
  const warn = warning !== undefined && now >= warning;
  if (warn) entry.warnedAt = now;
  const attempts = Math.max(...deferred.map(({ recipient }) => recipient.attempts ?? 1));
  const { receivedAt, warnedAt } = entry;
  const wishes = deferred.map(({ retryAt }) => retryAt);
  const dueAt = nextAttemptAt({ receivedAt, warnedAt, attempts }, now, wishes, times);
  for (const { recipient } of deferred) recipient.dueAt = dueAt;
  return warn;
}

/** Only what is there is deleted: V8 keeps an object from which something was deleted in a slower form. */
function forget(recipient: QueueRecipient, ...names: ("forced" | "remoteMta" | "transcript")[]): void {
  for (const name of names) if (recipient[name] !== undefined) delete recipient[name];
}

function fold(recipient: QueueRecipient, outcome: Outcome): void {
  recipient.attempts = (recipient.attempts ?? 0) + 1;
  recipient.lastReply = outcome.reply;
  recipient.lastRelay = outcome.relay;
  forget(recipient, "forced", "remoteMta", "transcript");
  if (outcome.kind !== "delivered" && outcome.remoteMta !== undefined)
    recipient.remoteMta = outcome.remoteMta;
  if (outcome.kind === "failed") {
    recipient.state = "failed";
    if (outcome.transcript !== undefined) recipient.transcript = outcome.transcript;
  } else if (outcome.kind === "delivered") {
    recipient.state = "delivered";
    if (outcome.dsnRelayed) recipient.dsnRelayed = true;
  }
}

/** RFC 3463 X.4.7, delivery time expired; the last reply says what the last attempt met with. */
function expire(recipient: QueueRecipient): void {
  recipient.state = "failed";
  recipient.expired = true;
}
