/**
 * The attempts on one message that are under way together: its mailboxes and each of its remote destinations are tried
 * side by side, and what became of each is made durable as soon as it is known.
 */
import { type Clock, delay } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settled } from "../bounce/report.ts";
import type { Mailer } from "../deliver/mailer.ts";
import type { Outcome } from "../deliver/outcome.ts";
import { logDone, logOutcome } from "../log/message-log.ts";
import type { Rewriting } from "../rewrite/rewriting.ts";
import { EarlyResults } from "./early-results.ts";
import { copyOf } from "./entry-changes.ts";
import type { AttemptResult } from "./lanes.ts";
import { isUnresolved, type ResolveLate, replaceRecipient, unresolved } from "./late-recipients.ts";
import type { QueueEntry, QueueRecipient } from "./queue-entry.ts";
import { type DueRow, dueRowsOf, isProgramLane, type QueueStore } from "./queue-store.ts";
import { logReports, type ReportingParts, writeReports } from "./reporting.ts";
import { dueTime, pendingOf, type RecipientOutcome, settle } from "./settle.ts";

/** What is tried together: `local`, one program, or one remote destination. */
export type Part = string;

/** The part of all mailboxes and files. */
export const LOCAL_PART: Part = "local";

/** What a round works with. */
export interface RoundParts extends ReportingParts {
  readonly store: QueueStore;
  readonly local: Mailer;
  readonly remote: Mailer;
  /** Absent: mailers get messages as they came. */
  readonly rewriting?: Rewriting;
  /** Absent: such recipients wait for their time and go back. */
  readonly resolveLate?: ResolveLate;
  readonly clock: Clock;
  readonly log: Log;
  /** The part that a recipient belongs to. */
  partOf(recipient: QueueRecipient): Part;
  /** Reports that are in the queue now. */
  enqueued(reports: readonly QueueEntry[]): void;
  /** The host stops: a record that cannot be made is given up. */
  givesUp(): boolean;
}

/** How long a commit that failed is waited with (ms). */
const COMMIT_PAUSE = 5000;

/** A message being attempted. */
export class Round {
  readonly entry: QueueEntry;
  readonly #parts: RoundParts;
  /** Parts under way, until their results are durable; no more at once than lanes have turns. */
  readonly #active: Part[] = [];
  /** Parts under way whose outcomes are not known yet. */
  #open = 0;
  /** Recipients being tried: a table that changes meanwhile must not put one into a second part. Nearly all messages have one. */
  #tryingOne: QueueRecipient | undefined;
  #trying: Set<QueueRecipient> | undefined;
  /** Failures that wait for the other parts under way, so that the sender gets one report of all. */
  readonly #failures: RecipientOutcome[] = [];
  /** Commits of one message keep their order, also when one has to be repeated: the last of those under way. */
  #commits: Promise<void> | undefined;

  /** The rows that the entry has in the due index, as far as we know: an administrator may have changed them. */
  #rows: readonly DueRow[];
  /** Attempts before this round: all its lines in the log have one priority. */
  readonly #attemptsBefore: number;

  /** @param rows those of the entry in the due index, where the caller has them */
  constructor(entry: QueueEntry, parts: RoundParts, rows: readonly DueRow[] = dueRowsOf(entry)) {
    this.entry = entry;
    this.#rows = rows;
    this.#attemptsBefore = entry.attempts;
    this.#parts = parts;
  }

  /** Nothing of the message is under way, and all results are durable. */
  get isOver(): boolean {
    return this.#active.length === 0;
  }

  /** True while the part is under way. */
  isActive(part: Part): boolean {
    return this.#active.includes(part);
  }

  /** Begins a part; false when it is under way. To be ended by {@link attempt} or {@link leave}, then {@link close}. */
  begin(part: Part): boolean {
    if (this.isActive(part)) return false;
    this.#active.push(part);
    this.#open++;
    return true;
  }

  /** Ends a part that could not be tried. */
  leave(): void {
    this.#open--;
  }

  /** The results of a part are durable, or there are none. */
  close(part: Part): void {
    const place = this.#active.indexOf(part);
    if (place >= 0) this.#active.splice(place, 1);
  }

  /**
   * Tries the recipients of a part that are due and records what became of them.
   *
   * @param laneFailing an earlier message has just met with the destination's failure: the administrator's wish is met
   */
  async attempt(part: Part, laneFailing: boolean): Promise<AttemptResult> {
    const { clock } = this.#parts;
    const startedAt = clock.now();
    const due = this.#recipientsOf(part, startedAt);
    for (const recipient of due) this.#beginTrying(recipient);
    const recipients = due.some(isUnresolved) ? await this.#resolveLate(due) : due;
    const early = new EarlyResults(recipients, clock, (known) => this.#recordEarly(part, known, startedAt));
    const outcomes = recipients.length === 0 ? [] : await this.#deliver(part, recipients, laneFailing, early);
    const isRecorded = early.end();
    const results = outcomes.filter(({ recipient }) => !isRecorded(recipient));
    for (const recipient of due) this.#endTrying(recipient);
    if (recipients !== due) for (const recipient of recipients) this.#endTrying(recipient);
    const now = clock.now();
    this.#log(part, results, startedAt);
    this.#open--;
    const hasFailures = this.#open === 0 && this.#failures.length > 0;
    const hasChanged = recipients !== due;
    if (results.length > 0 || hasFailures || hasChanged || pendingOf(this.entry).length === 0) {
      await this.#record(results, now);
    }
    return resultOf(outcomes);
  }

  /** Asks for those of whom it was not known where their mail goes; those that are to be tried now. */
  async #resolveLate(due: QueueRecipient[]): Promise<QueueRecipient[]> {
    const { resolveLate, log, clock } = this.#parts;
    if (resolveLate === undefined) return due;
    const recipients: QueueRecipient[] = [];
    for (const recipient of due) {
      if (!isUnresolved(recipient)) {
        recipients.push(recipient);
        continue;
      }
      try {
        const resolved = await resolveLate(recipient.address, this.entry.sender);
        // What it has become has its own parts, and its turn when this is on record.
        if (resolved.kind === "targets") {
          replaceRecipient(this.entry, recipient, resolved.recipients, clock.now());
          continue;
        }
        const now = { ...recipient, target: unresolved(resolved.reply) };
        this.#beginTrying(now);
        this.entry.recipients[this.entry.recipients.indexOf(recipient)] = now;
        recipients.push(now);
      } catch (error) {
        log.write("error", `${this.entry.id}: SYSERR(resolve): ${messageOf(error)}`);
        recipients.push(recipient);
      }
    }
    return recipients;
  }

  #log(part: Part, results: readonly RecipientOutcome[], startedAt: number): void {
    const now = this.#parts.clock.now();
    for (const { recipient, outcome } of results) {
      const mailer = outcome.mailer ?? this.#mailerOf(part).name;
      const before = this.#attemptsBefore;
      const entry = this.entry.attempts === before ? this.entry : { ...this.entry, attempts: before };
      logOutcome(this.#parts.log, { entry, recipient, outcome, mailer, startedAt, now });
    }
  }

  /** Deliveries of a part that goes on. Commits keep their order: who records the rest hears of what goes wrong with this. */
  #recordEarly(part: Part, known: readonly RecipientOutcome[], startedAt: number): void {
    this.#log(part, known, startedAt);
    this.#record(known, this.#parts.clock.now()).catch(() => undefined);
  }

  #recipientsOf(part: Part, now: number): QueueRecipient[] {
    return pendingOf(this.entry).filter(
      (recipient) =>
        this.#parts.partOf(recipient) === part &&
        dueTime(recipient, this.entry) <= now &&
        !this.#isTried(recipient) &&
        !this.#failures.some((failure) => failure.recipient === recipient),
    );
  }

  #beginTrying(recipient: QueueRecipient): void {
    if (this.#tryingOne === undefined) this.#tryingOne = recipient;
    else (this.#trying ??= new Set()).add(recipient);
  }

  #endTrying(recipient: QueueRecipient): void {
    if (this.#tryingOne === recipient) this.#tryingOne = undefined;
    else this.#trying?.delete(recipient);
  }

  #isTried(recipient: QueueRecipient): boolean {
    return this.#tryingOne === recipient || this.#trying?.has(recipient) === true;
  }

  #mailerOf(part: Part): Mailer {
    return isLocalPart(part) ? this.#parts.local : this.#parts.remote;
  }

  async #deliver(
    part: Part,
    recipients: QueueRecipient[],
    laneFailing: boolean,
    early: EarlyResults,
  ): Promise<RecipientOutcome[]> {
    const { store, log } = this.#parts;
    const mailer = this.#mailerOf(part);
    const forced = !laneFailing && recipients.some((recipient) => recipient.forced === true);
    let outcomes: Outcome[] = [];
    try {
      const message = { entry: this.entry, body: store.body(this.entry), recipients };
      const where = isLocalPart(part) ? "local" : "smtp";
      const rewritten = this.#parts.rewriting?.apply(message, where) ?? message;
      const outgoing = rewritten instanceof Promise ? await rewritten : rewritten;
      outcomes = await mailer.deliver({
        entry: outgoing.entry,
        body: outgoing.body,
        recipients: outgoing.recipients,
        forced,
        known: (place, outcome) => early.note(place, outcome),
      });
    } catch (error) {
      // A mailer that breaks its promise never rejects a message for it.
      log.write("error", `${this.entry.id}: SYSERR(${mailer.name}): ${messageOf(error)}`);
    }
    return recipients.map((recipient, i) => ({
      recipient,
      outcome: outcomes[i] ?? early.outcomeOf(i) ?? internalError(mailer.name),
    }));
  }

  /** Folds results into the entry and makes them durable. */
  async #record(results: readonly RecipientOutcome[], now: number): Promise<void> {
    const isLast = this.#open === 0;
    const later = isLast ? [] : results.filter(({ outcome }) => outcome.kind === "failed");
    const folded = [
      ...(isLast ? this.#failures.splice(0) : []),
      ...results.filter((r) => !later.includes(r)),
    ];
    this.#failures.push(...later);
    const settled = settle(this.entry, folded, now, this.#parts.times);
    // What is in a recipient is replaced, never changed in place: the copy stays as it is now. Nobody changes an entry that is done.
    const isDone = isLast && pendingOf(this.entry).length === 0;
    const snapshot = isDone ? this.entry : copyOf(this.entry);
    const before = this.#commits;
    const commit =
      before === undefined
        ? this.#commit(snapshot, settled, now)
        : before.then(() => this.#commit(snapshot, settled, now));
    this.#commits = commit;
    // Whoever comes later hears of one that failed, and does not overtake it.
    await commit;
    if (this.#commits === commit) this.#commits = undefined;
  }

  async #commit(entry: QueueEntry, settled: Settled, now: number): Promise<void> {
    const { store, log, clock } = this.#parts;
    const reports = hasNews(settled)
      ? await writeReports(entry, store.body(entry), settled, now, this.#parts)
      : [];
    const isDone = pendingOf(entry).length === 0;
    const [row, more] = this.#rows;
    const known = row !== undefined && more === undefined ? { size: entry.size, row } : undefined;
    for (;;) {
      try {
        const added = await store.change(
          !isDone
            ? { update: [entry], add: reports }
            : known === undefined
              ? { remove: [entry.id], add: reports }
              : { remove: [entry.id], known, add: reports },
        );
        this.#rows = isDone ? [] : dueRowsOf(entry);
        logReports(log, entry.id, reports, added);
        if (isDone) logDone(log, entry, now);
        this.#parts.enqueued(added);
        return;
      } catch (error) {
        // What was delivered must not be delivered again for want of a record: the record is tried until it is made.
        log.write("error", `${entry.id}: SYSERR(queue): result not recorded: ${messageOf(error)}`);
        if (this.#parts.givesUp()) return;
        await delay(clock, COMMIT_PAUSE);
      }
    }
  }
}

/** The ordinary delivery is told to nobody. */
function hasNews({ failed, delayed, delivered, expanded = [] }: Settled): boolean {
  if (failed.length + delayed.length + expanded.length > 0) return true;
  return delivered.some(({ notify }) => notify?.includes("SUCCESS") === true);
}

function isLocalPart(part: Part): boolean {
  return part === LOCAL_PART || isProgramLane(part);
}

function resultOf(results: readonly RecipientOutcome[]): AttemptResult {
  if (results.length === 0) return "none";
  if (results.some(({ outcome }) => outcome.kind !== "deferred")) return "delivered";
  const isPutOff = ({ outcome }: RecipientOutcome) =>
    outcome.kind === "deferred" && outcome.retryAt !== undefined;
  return results.every(isPutOff) ? "put-off" : "deferred";
}

function internalError(relay: string): Outcome {
  return {
    kind: "deferred",
    relay,
    reply: { code: 451, enhanced: "4.3.0", text: "internal error; will be tried again" },
  };
}
