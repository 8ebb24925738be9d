/**
 * What only a session has to tell the log; the rest of a message's life is in log/message-log.ts.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { type AcceptedMessage, isLogged, logAccepted } from "../log/message-log.ts";
import { counted } from "../log/statistics.ts";
import type { Verdict } from "../policy/policy-facts.ts";
import { formatReply } from "../policy/reply.ts";

/** `NOQUEUE: ruleset=check_relay, arg1=…, arg2=…, relay=…, discard`, or `quarantine=reason`: policy took it, but not for delivery. */
export function logSetAside(
  log: Log,
  stage: { readonly ruleset: string; readonly arg1: string; readonly arg2?: string; readonly relay: string },
  verdict: Extract<Verdict, { kind: "discard" | "quarantine" }>,
): void {
  const { ruleset, arg1, arg2, relay } = stage;
  const outcome = verdict.kind === "discard" ? "discard" : `quarantine=${verdict.reason}`;
  const second = arg2 === undefined ? "" : `, arg2=${arg2}`;
  log.write("info", `NOQUEUE: ruleset=${ruleset}, arg1=${arg1}${second}, relay=${relay}, ${outcome}`);
}

/** `QID: discarded`, after the line that every message has: it was taken and dropped, as the access table asks. */
export function logDiscarded(log: Log, message: AcceptedMessage, daemon: string): void {
  logAccepted(log, message, daemon);
  counted(log, { what: "discarded", mailer: "esmtp" });
  if (isLogged(log, 4)) log.write("info", `${message.id}: discarded`);
}

/** `NOQUEUE: <x@here>... User unknown`: a recipient of ours whom nobody is. The text is the reply's. */
export function logNobody(log: Log, reply: SmtpReply): void {
  if (isLogged(log, 4)) log.write("info", `NOQUEUE: ${reply.text}`);
}

/** A message was refused after its data. */
export function logRefusedMessage(
  log: Log,
  id: string,
  sender: string,
  relay: string,
  reply: SmtpReply,
): void {
  log.write("info", `${id}: from=<${sender}>, relay=${relay}, reject=${formatReply(reply)}`);
}

/** How a session ended, where that is worth a line. */
export interface SessionEnd {
  readonly relay: string;
  /** `MTA`, `MSA`. */
  readonly daemon: string;
  /** See SmtpSession.didWork. */
  readonly didWork: boolean;
  /** The last verb of a transaction that was left; empty when none was. */
  readonly cutOffAfter: string;
}

/** A session that asked for nothing, or went away in the middle of an envelope (LogLevel 6 and 2). */
export function logSessionEnd(log: Log, { relay, daemon, didWork, cutOffAfter }: SessionEnd): void {
  if (!didWork && isLogged(log, 6)) {
    log.write("info", `NOQUEUE: ${relay} did not issue MAIL/EXPN/VRFY/ETRN during connection to ${daemon}`);
  }
  if (cutOffAfter !== "" && cutOffAfter !== "quit" && isLogged(log, 2)) {
    log.write("info", `NOQUEUE: lost input channel from ${relay} to ${daemon} after ${cutOffAfter}`);
  }
}

/** The client went away in the middle of a message. */
export function logLostInput(log: Log, id: string, sender: string, relay: string): void {
  log.write("info", `${id}: collect: unexpected close on connection from ${relay}, sender=<${sender}>`);
  log.write("info", `${id}: lost input channel from ${relay} to MTA after data`);
}
