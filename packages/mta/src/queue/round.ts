/**
 * One round of one message: its local and its remote recipients are tried side by side, and what became of each part is
 * made durable as soon as it is known.
 */
import { type Clock, delay } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settled } from "../bounce/report.ts";
import type { Mailer } from "../deliver/mailer.ts";
import type { Outcome } from "../deliver/outcome.ts";
import { logDone, logOutcome } from "../log/message-log.ts";
import type { QueueEntry, QueueRecipient } from "./queue-entry.ts";
import type { QueueStore } from "./queue-store.ts";
import { logReports, type ReportingParts, writeReports } from "./reporting.ts";
import { endRound, foldOutcomes, pendingOf } from "./settle.ts";

/** Local recipients go to the local mailer, the rest to the remote one. */
export type Part = "local" | "remote";

/** What an attempt says of its lane. */
export type AttemptResult = "delivered" | "deferred" | "none";

/** What a round works with. */
export interface RoundParts extends ReportingParts {
  readonly store: QueueStore;
  readonly local: Mailer;
  readonly remote: Mailer;
  readonly clock: Clock;
  readonly log: Log;
  /** True while a part of this message waits for its turn in a lane. */
  isWaiting(): boolean;
  /** Reports that are in the queue now. */
  enqueued(reports: readonly QueueEntry[]): void;
  stopping(): boolean;
}

/** How long a commit that failed is waited with (ms). */
const COMMIT_PAUSE = 5000;

/** A message being attempted. */
export class Round {
  readonly entry: QueueEntry;
  readonly #begun = new Set<Part>();
  /** Parts whose outcomes are known. */
  readonly #tried = new Set<Part>();
  readonly #parts: RoundParts;
  readonly #retryAt = new Map<QueueRecipient, number>();
  /** Parts begun whose outcomes are not known yet. */
  #open = 0;
  /** Parts begun whose results are not durable yet. */
  #unrecorded = 0;
  /** Commits of one message keep their order, also when one has to be repeated. */
  #commits: Promise<void> = Promise.resolve();

  constructor(entry: QueueEntry, parts: RoundParts) {
    this.entry = entry;
    this.#parts = parts;
  }

  /** Nothing of the message is under way, and all results are durable. */
  get isOver(): boolean {
    return this.#unrecorded === 0;
  }

  /** True when the part was begun in this round. */
  hasBegun(part: Part): boolean {
    return this.#begun.has(part);
  }

  /** Begins a part; false when it was begun before. Each is ended by {@link attempt} or {@link leave}, then {@link close}. */
  begin(part: Part): boolean {
    if (this.#begun.has(part)) return false;
    this.#begun.add(part);
    this.#open++;
    this.#unrecorded++;
    return true;
  }

  /** Ends a part that could not be tried. */
  leave(): void {
    this.#open--;
  }

  /** The results of a part are durable, or there are none. */
  close(): void {
    this.#unrecorded--;
  }

  /**
   * Tries the pending recipients of a part and records what became of them.
   *
   * @param laneFailing an earlier message has just met with the destination's failure: the administrator's wish is met
   */
  async attempt(part: Part, laneFailing: boolean): Promise<AttemptResult> {
    const { clock, store, log } = this.#parts;
    const kind = part === "local" ? "mailbox" : "remote";
    const recipients = pendingOf(this.entry).filter((recipient) => recipient.target.kind === kind);
    const startedAt = clock.now();
    const mailer = this.#parts[part];
    let outcomes: Outcome[] = [];
    try {
      if (recipients.length > 0) {
        const forced = this.entry.forced === true && !laneFailing;
        outcomes = await mailer.deliver({
          entry: this.entry,
          body: store.body(this.entry),
          recipients,
          forced,
        });
      }
    } catch (error) {
      // A mailer that breaks its promise never rejects a message for it.
      log.write("error", `${this.entry.id}: SYSERR(${mailer.name}): ${messageOf(error)}`);
    }
    const results = recipients.map((recipient, i) => ({
      recipient,
      outcome: outcomes[i] ?? internalError(mailer.name),
    }));
    const now = clock.now();
    for (const { recipient, outcome } of results) {
      logOutcome(log, { entry: this.entry, recipient, outcome, mailer: mailer.name, startedAt, now });
      if (outcome.kind === "deferred" && outcome.retryAt !== undefined) {
        this.#retryAt.set(recipient, outcome.retryAt);
      }
    }
    this.#open--;
    this.#tried.add(part);
    await this.#settle(foldOutcomes(results), now);
    if (results.length === 0) return "none";
    return results.every(({ outcome }) => outcome.kind === "deferred") ? "deferred" : "delivered";
  }

  /** Ends the round when this was its last part, and makes everything durable. */
  async #settle(folded: Settled, now: number): Promise<void> {
    const { times } = this.#parts;
    const { entry } = this;
    const deferred = pendingOf(entry).some((recipient) => this.#wasTried(recipient));
    const untried = pendingOf(entry).some((recipient) => !this.#wasTried(recipient));
    // With a part still to come the message stays due; so it does when only untried recipients are left.
    const isLast = this.#open === 0 && !this.#parts.isWaiting() && (!untried || deferred);
    const ended = isLast
      ? endRound(entry, now, (recipient) => this.#retryAt.get(recipient), times)
      : undefined;
    const settled: Settled = {
      failed: [...folded.failed, ...(ended?.failed ?? [])],
      delayed: ended?.delayed ?? [],
      delivered: folded.delivered,
    };
    const snapshot = structuredClone(entry);
    const previous = this.#commits;
    this.#commits = previous.then(() => this.#record(snapshot, settled, now));
    await this.#commits;
  }

  #wasTried(recipient: QueueRecipient): boolean {
    return this.#tried.has(recipient.target.kind === "mailbox" ? "local" : "remote");
  }

  async #record(entry: QueueEntry, settled: Settled, now: number): Promise<void> {
    const { store, log, clock } = this.#parts;
    const reports = await writeReports(entry, store.body(entry), settled, now, this.#parts);
    const isDone = pendingOf(entry).length === 0;
    for (;;) {
      try {
        const added = await store.change({
          ...(isDone ? { remove: [entry.id] } : { update: [entry] }),
          add: reports,
        });
        logReports(log, entry.id, reports, added);
        if (isDone) logDone(log, entry, now);
        this.#parts.enqueued(added);
        return;
      } catch (error) {
        // What was delivered must not be delivered again for want of a record: the record is tried until it is made.
        log.write("error", `${entry.id}: SYSERR(queue): result not recorded: ${messageOf(error)}`);
        if (this.#parts.stopping()) return;
        await delay(clock, COMMIT_PAUSE);
      }
    }
  }
}

function internalError(relay: string): Outcome {
  return {
    kind: "deferred",
    relay,
    reply: { code: 451, enhanced: "4.3.0", text: "internal error; will be tried again" },
  };
}
