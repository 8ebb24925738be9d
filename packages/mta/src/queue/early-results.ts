/**
 * Deliveries of an attempt that are known while it still waits for others: a mailbox is written and a file beside it is
 * locked, or a program takes its time. They are recorded after a second, so that a crash repeats no more than that second's.
 */
import type { Clock, Timer } from "@mailhost/common/clock";
import type { Outcome } from "../deliver/outcome.ts";
import type { QueueRecipient } from "./queue-entry.ts";
import type { RecipientOutcome } from "./settle.ts";

/** How long a delivery may be known and not recorded (ms). */
const UNRECORDED = 1000;

/** What is known of one attempt. */
export class EarlyResults {
  readonly #recipients: readonly QueueRecipient[];
  readonly #clock: Clock;
  readonly #record: (known: readonly RecipientOutcome[]) => void;
  /** Made when there is something to hold: most attempts end before anything is known early. */
  #known: Map<number, Outcome> | undefined;
  #recorded: Set<QueueRecipient> | undefined;
  #timer: Timer | undefined;
  #over = false;

  /** @param record makes results durable while the attempt goes on */
  constructor(
    recipients: readonly QueueRecipient[],
    clock: Clock,
    record: (known: readonly RecipientOutcome[]) => void,
  ) {
    this.#recipients = recipients;
    this.#clock = clock;
    this.#record = record;
  }

  /** A recipient's delivery is known; others of the attempt may not be. What was not delivered waits for the end. */
  note(place: number, outcome: Outcome): void {
    if (this.#over || outcome.kind !== "delivered") return;
    this.#known ??= new Map();
    this.#known.set(place, outcome);
    this.#timer ??= this.#clock.after(UNRECORDED, () => this.#flush());
  }

  /** What was noted of a recipient. */
  outcomeOf(place: number): Outcome | undefined {
    return this.#known?.get(place);
  }

  /** The attempt is over. @returns whether a recipient has been recorded already */
  end(): (recipient: QueueRecipient) => boolean {
    this.#over = true;
    this.#timer?.cancel();
    return (recipient) => this.#recorded?.has(recipient) === true;
  }

  #flush(): void {
    this.#timer = undefined;
    // All are known: the attempt ends in this very moment, and records them.
    if (this.#over || this.#known === undefined || this.#known.size === this.#recipients.length) return;
    const results: RecipientOutcome[] = [];
    const recorded = (this.#recorded ??= new Set());
    for (const [place, outcome] of this.#known) {
      const recipient = this.#recipients[place];
      if (recipient === undefined || recorded.has(recipient)) continue;
      recorded.add(recipient);
      results.push({ recipient, outcome });
    }
    if (results.length > 0) this.#record(results);
  }
}
