/**
 * What the local mailer asks of whoever writes mailboxes: one order is one batch of letters for one mailbox, answered with one
 * outcome a letter. It is all that the writer needs to know, so that it can be another thread.
 */
import type { MailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { MessageBody } from "../queue/queue-store.ts";
import type { MailboxQuota } from "./mailbox-quota.ts";
import type { Outcome } from "./outcome.ts";

/** A batch for one mailbox. It is handed on field by field: one that may be left out would be lost on the way and compile. */
export interface MailboxOrder {
  readonly paths: MailboxPaths;
  /** Whose a mailbox becomes that root makes; undefined: whoever makes it keeps it. */
  readonly uid: number | undefined;
  /** How long another program's lock is waited for (ms). */
  readonly lockTimeout: number;
  /** Undefined: the mailbox has no limit. */
  readonly limit: MailboxLimit | undefined;
  readonly letters: readonly Letter[];
}

/** How large a mailbox may get, as things are when the order is given. */
export interface MailboxLimit extends Pick<MailboxQuota, "action" | "warnAt" | "hostname"> {
  /** More than 0. */
  readonly octets: number;
  /** False while the table of limits is not sound: what does not fit waits, and nobody is warned. */
  readonly isCertain: boolean;
}

/** One message for one mailbox. */
export interface Letter {
  /** Envelope sender: the message's, or the owner of the list that led here; empty for `<>`. */
  readonly sender: string;
  /** ms since 1970. */
  readonly receivedAt: number;
  /** What is noted of it when it is in the mailbox (common mbox/append-notes). */
  readonly note: string;
  readonly body: MessageBody;
}

/** Whoever writes mailboxes. */
export interface MailboxWriter {
  /**
   * Writes a batch.
   *
   * @param givePlaceUp called before another program's lock is waited for: other mailboxes are written meanwhile
   * @returns one outcome a letter, in their order; never rejects
   */
  write(order: MailboxOrder, givePlaceUp: () => void): Promise<Outcome[]>;
  /** Ends it, once everything that was asked of it is answered. */
  close(): Promise<void>;
}
