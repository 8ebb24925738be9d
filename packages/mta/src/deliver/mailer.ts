/**
 * A mailer carries one queued message to some of its recipients and says what became of each. The runner knows
 * mailers by this interface alone.
 */
import type { QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";
import type { MessageBody } from "../queue/queue-store.ts";
import type { Outcome } from "./outcome.ts";

/** One attempt. */
export interface Attempt {
  readonly entry: QueueEntry;
  readonly body: MessageBody;
  /** The recipients to try now; all are of the mailer's kind. */
  readonly recipients: readonly QueueRecipient[];
  /** An administrator asked for the attempt: destinations that are waiting are tried all the same. */
  readonly forced: boolean;
  /**
   * May be told what became of a recipient, by its place, before all are known: a delivery can then be recorded while others
   * take their time.
   */
  known?(place: number, outcome: Outcome): void;
}

/** A way of delivering. */
export interface Mailer {
  /** As in Sendmail's log: `local`, `esmtp`. */
  readonly name: string;
  /**
   * Tries each recipient once. Resolves with one outcome a recipient, in their order, each as soon as all are known.
   * Never rejects for what a network, a disk or a lock did: those are outcomes.
   */
  deliver(attempt: Attempt): Promise<Outcome[]>;
  /** The host stops: what may take minutes ends within seconds, as a deferral. */
  hurry?(): void;
  /** Ends idle connections; attempts under way finish first. */
  close(): Promise<void>;
}
