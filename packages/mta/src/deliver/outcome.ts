/**
 * What became of one recipient in one attempt. Nothing else is passed from a mailer to the queue.
 */
import type { SmtpReply } from "@mailhost/common/errors";

/** The message is in the mailbox, or the next host has taken it. */
export interface Delivered {
  readonly kind: "delivered";
  /** Which mailer, as in the log's `mailer=`, when it is not the one that was asked: `relay`, `prog`. */
  readonly mailer?: string;
  /** Who took it, for the log: `local`, or `mx.example.com. [192.0.2.1]`. */
  readonly relay: string;
  /** The reply of the other side, or our own (`250 2.0.0 Sent`). */
  readonly reply: SmtpReply;
  /** True when the next host takes over the duty of delivery notices (it offers DSN, RFC 3461). */
  readonly dsnRelayed: boolean;
}

/** Not delivered this time; it stays in the queue. */
export interface Deferred {
  readonly kind: "deferred";
  readonly mailer?: string;
  readonly relay: string;
  readonly reply: SmtpReply;
  /** The name of the host that gave the reply, when one did: Remote-MTA of the report. */
  readonly remoteMta?: string;
  /** Earliest next attempt (ms since 1970) when the mailer knows it, else the schedule decides. */
  readonly retryAt?: number;
}

/** Cannot be delivered; it goes back to the sender. */
export interface Failed {
  readonly kind: "failed";
  readonly mailer?: string;
  readonly relay: string;
  readonly reply: SmtpReply;
  readonly remoteMta?: string;
  /** Lines of the conversation for the report: `>>> RCPT To:<x>` and `<<< 550 5.1.1 no such user`. */
  readonly transcript?: readonly string[];
}

export type Outcome = Delivered | Deferred | Failed;
