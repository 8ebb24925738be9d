/**
 * Folds what mailers report into an entry: states, counters, the next attempt, and what the sender must be told.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { durationInWords } from "../bounce/duration-words.ts";
import type { Settled } from "../bounce/report.ts";
import type { Outcome } from "../deliver/outcome.ts";
import type { QueueEntry, QueueRecipient } from "./queue-entry.ts";
import { nextAttemptAt, type QueueTimes, returnAt, warnAt } from "./schedule.ts";

/** A recipient with its outcome. */
export interface RecipientOutcome {
  readonly recipient: QueueRecipient;
  readonly outcome: Outcome;
}

/** Writes outcomes into their recipients. Returns those that are done with. */
export function foldOutcomes(results: readonly RecipientOutcome[]): Settled {
  const failed: QueueRecipient[] = [];
  const delivered: QueueRecipient[] = [];
  for (const { recipient, outcome } of results) {
    recipient.lastReply = outcome.reply;
    recipient.lastRelay = outcome.relay;
    if (outcome.kind !== "delivered") setOrClear(recipient, "remoteMta", outcome.remoteMta);
    if (outcome.kind === "failed") {
      recipient.state = "failed";
      setOrClear(recipient, "transcript", outcome.transcript);
      failed.push(recipient);
    } else if (outcome.kind === "delivered") {
      recipient.state = "delivered";
      if (outcome.dsnRelayed) recipient.dsnRelayed = true;
      delivered.push(recipient);
    }
  }
  return { failed, delivered, delayed: [] };
}

function setOrClear<K extends "remoteMta" | "transcript">(
  recipient: QueueRecipient,
  key: K,
  value: QueueRecipient[K] | undefined,
): void {
  if (value === undefined) delete recipient[key];
  else recipient[key] = value;
}

/** Recipients that are to be tried again. */
export function pendingOf(entry: QueueEntry): QueueRecipient[] {
  return entry.recipients.filter((recipient) => recipient.state === "pending");
}

/**
 * Ends a round in which every pending recipient was tried: counts the attempt, gives up what is too old, sets the next
 * attempt, and says whether the time of the warning has come.
 *
 * @param retryAt the mailer's own time for a pending recipient, where it gave one
 */
export function endRound(
  entry: QueueEntry,
  now: number,
  retryAt: (recipient: QueueRecipient) => number | undefined,
  times: QueueTimes,
): Pick<Settled, "failed" | "delayed"> {
  entry.attempts += 1;
  entry.lastAttemptAt = now;
  delete entry.forced;
  const pending = pendingOf(entry);
  if (pending.length === 0) return { failed: [], delayed: [] };
  if (now >= returnAt(entry, times)) {
    for (const recipient of pending) {
      recipient.state = "failed";
      recipient.lastReply = expired(recipient.lastReply, times);
    }
    return { failed: pending, delayed: [] };
  }
  const warning = warnAt(entry, times);
  const warn = warning !== undefined && now >= warning;
  if (warn) entry.warnedAt = now;
  entry.nextAttemptAt = nextAttemptAt(entry, now, pending.map(retryAt), times);
  return { failed: [], delayed: warn ? pending : [] };
}

/** RFC 3463 X.4.7, delivery time expired; says what the last attempt met with. */
function expired(last: SmtpReply | undefined, times: QueueTimes): SmtpReply {
  const reason = last === undefined ? "" : `; last reply: ${[last.code, last.enhanced, last.text].join(" ")}`;
  return {
    code: 554,
    enhanced: "5.4.7",
    text: `Message could not be delivered for ${durationInWords(times.returnAfter)}${reason}`,
  };
}
