/**
 * What only a session has to tell the log; the rest of a message's life is in log/message-log.ts.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import {
  type AcceptedBy,
  type AcceptedMessage,
  isLogged,
  type LoggedRejection,
  logAccepted,
  stageText,
} from "../log/message-log.ts";
import { counted } from "../log/statistics.ts";
import type { Verdict } from "../policy/policy-facts.ts";
import { formatReply } from "../policy/reply.ts";

/** `QID: ruleset=check_mail, arg1=…, relay=…, discard`, or `quarantine=reason`: policy took it, but not for delivery. */
export function logSetAside(
  log: Log,
  stage: Omit<LoggedRejection, "reject">,
  verdict: Extract<Verdict, { kind: "discard" | "quarantine" }>,
): void {
  const outcome = verdict.kind === "discard" ? "discard" : `quarantine=${verdict.reason}`;
  log.write("info", `${stageText(stage)}, ${outcome}`);
}

/** `QID: discarded`, after the line that every message has: it was taken and dropped, as the access table asks. */
export function logDiscarded(log: Log, message: AcceptedMessage, by: AcceptedBy): void {
  logAccepted(log, message, by);
  counted(log, { what: "discarded", mailer: "esmtp" });
  // As Sendmail counts it.
  counted(log, { what: "refused connection" });
  if (isLogged(log, 4)) log.write("info", `${message.id}: discarded`);
}

/** `QID: <x@here>... User unknown`: a recipient of ours whom nobody is. The text is the reply's. */
export function logNobody(log: Log, id: string, { text }: Pick<SmtpReply, "text">): void {
  if (isLogged(log, 4)) log.write("info", `${id}: ${text.replaceAll("\\", "\\\\")}`);
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
  /** Of the transaction that was left. */
  readonly id: string;
  readonly relay: string;
  /** `MTA`, `MSA`. */
  readonly daemon: string;
  /** See SmtpSession.didWork. */
  readonly didWork: boolean;
  /** The last verb of a transaction that was left; empty when none was. */
  readonly cutOffAfter: string;
}

/** A session that asked for nothing, or went away in the middle of an envelope (LogLevel 6 and 2). */
export function logSessionEnd(log: Log, { id, relay, daemon, didWork, cutOffAfter }: SessionEnd): void {
  if (!didWork && isLogged(log, 6)) {
    log.write("info", `NOQUEUE: ${relay} did not issue MAIL/EXPN/VRFY/ETRN during connection to ${daemon}`);
  }
  if (cutOffAfter !== "" && cutOffAfter !== "quit" && isLogged(log, 2)) {
    log.write("info", `${id}: lost input channel from ${relay} to ${daemon} after ${cutOffAfter}`);
  }
}

/** The client went away in the middle of a message. */
export function logLostInput(log: Log, id: string, sender: string, relay: string): void {
  log.write("info", `${id}: collect: unexpected close on connection from ${relay}, sender=<${sender}>`);
  log.write("info", `${id}: lost input channel from ${relay} to MTA after data`);
}

/** A login by AUTH, as its log lines tell of it. */
export interface LoggedLogin {
  readonly relay: string;
  readonly user: string;
  readonly mechanism: string;
}

/** `AUTH=server, relay=host [ip], authid=user, mech=PLAIN, bits=0` (LogLevel 9). */
export function logAuthSuccess(log: Log, { relay, user, mechanism }: LoggedLogin): void {
  if (!isLogged(log, 9)) return;
  log.write("info", `AUTH=server, relay=${relay}, authid=${shownName(user)}, mech=${mechanism}, bits=0`);
}

/**
 * `AUTH failure (PLAIN): authentication failure (-13) SASL(-13): authentication failure: checkpass failed, user=name,
 * relay=host [ip]`: Sendmail's line with the Cyrus library's words, which the filters of fail2ban and its like know. The
 * address is the last thing in it, and a name cannot imitate it.
 */
export function logAuthFailure(log: Log, { relay, user, mechanism }: LoggedLogin): void {
  const what = "authentication failure (-13) SASL(-13): authentication failure: checkpass failed";
  log.write("warn", `AUTH failure (${mechanism}): ${what}, user=${shownName(user)}, relay=${relay}`);
}

/** A name that a stranger gave: nothing in it may pass for another part of the line. */
function shownName(name: string): string {
  return name.replace(/[^\p{L}\p{N}@._+-]/gu, "?").slice(0, 128);
}
