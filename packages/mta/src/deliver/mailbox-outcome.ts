/**
 * What becomes of a letter for a mailbox, as the queue is told.
 */
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { asMboxError, type MboxFault } from "@mailhost/common/mbox/mbox-error";
import type { Outcome } from "./outcome.ts";

/** The name of the mailer in outcomes. */
export const LOCAL = "local";

/** It is in the mailbox. */
export const DELIVERED: Outcome = {
  kind: "delivered",
  relay: LOCAL,
  reply: { code: 250, enhanced: "2.0.0", text: "Sent" },
  dsnRelayed: false,
};

/** Enhanced codes of RFC 3463 and what the sender is told; the log gets the details. */
const FAULT_REPLIES: Readonly<Record<MboxFault, readonly [enhanced: string, text: string]>> = {
  busy: ["4.2.0", "mailbox is locked by another program"],
  quota: ["4.2.2", "mailbox is full"],
  "no-space": ["4.3.1", "insufficient disk space"],
  "too-large": ["4.3.1", "mailbox is as large as the system allows"],
  permission: ["4.3.0", "mailbox cannot be written"],
  "not-a-file": ["4.2.0", "mailbox is not a plain file"],
  io: ["4.3.0", "mailbox cannot be written"],
};

/** The outcome of a mailbox that could not be written; what nobody foresaw is temporary, and all of it is in the log. */
export function outcomeOf(error: unknown, log: Log): Outcome {
  const { fault, message } = asMboxError("mailbox", error);
  log.write(fault === "busy" ? "warn" : "error", `local delivery: ${messageOf(error) || message}`);
  return deferred(...FAULT_REPLIES[fault]);
}

/** A temporary failure. */
export function deferred(enhanced: string, text: string): Outcome {
  const code = enhanced === "4.2.2" || enhanced === "4.3.1" ? 452 : 451;
  return { kind: "deferred", relay: LOCAL, reply: { code, enhanced, text } };
}
