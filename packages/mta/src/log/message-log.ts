/**
 * The life of a message in the log, one function an event, in Sendmail's line format.
 *
 * Log analysers read these lines: fields, their order and their spelling are Sendmail's.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Outcome } from "../deliver/outcome.ts";
import type { MessageOrigin, QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";

/** `QID: from=<a@b>, size=…, class=0, nrcpts=…, …`: a message was accepted. */
export function logAccepted(log: Log, entry: QueueEntry, daemon = "MTA"): void {
  const fields = [
    `from=<${entry.sender}>`,
    `size=${entry.size}`,
    "class=0",
    `nrcpts=${entry.recipients.length}`,
    ...(entry.messageId === undefined ? [] : [`msgid=${entry.messageId}`]),
    `bodytype=${entry.bodyType}`,
    ...(entry.origin.protocol === "local" ? [] : [`proto=${entry.origin.protocol}`, `daemon=${daemon}`]),
    `relay=${relayOf(entry.origin)}`,
  ];
  log.write("info", `${entry.id}: ${fields.join(", ")}`);
}

/** One recipient in one attempt. */
export interface LoggedAttempt {
  readonly entry: QueueEntry;
  readonly recipient: QueueRecipient;
  readonly outcome: Outcome;
  /** As in `mailer=`. */
  readonly mailer: string;
  /** When the attempt began and when it ended (ms since 1970). */
  readonly startedAt: number;
  readonly now: number;
}

/** `QID: to=<c@d>, delay=…, xdelay=…, mailer=…, pri=…, relay=…, dsn=…, stat=…`: what became of a recipient. */
export function logOutcome(log: Log, attempt: LoggedAttempt): void {
  const { entry, recipient, outcome, mailer, startedAt, now } = attempt;
  const fields = [
    `to=<${recipient.address}>`,
    `delay=${interval(now - entry.receivedAt)}`,
    `xdelay=${interval(now - startedAt)}`,
    `mailer=${mailer}`,
    `pri=${priorityOf(entry)}`,
    ...(outcome.relay === "" || outcome.relay === "local" ? [] : [`relay=${outcome.relay}`]),
    `dsn=${outcome.reply.enhanced === "" ? `${Math.floor(outcome.reply.code / 100)}.0.0` : outcome.reply.enhanced}`,
    `stat=${statOf(outcome, mailer)}`,
  ];
  log.write("info", `${entry.id}: ${fields.join(", ")}`);
}

/** A command that was refused. */
export interface LoggedRejection {
  /** Queue id when the transaction has one. */
  readonly id?: string;
  /** `check_relay`, `check_mail`, `check_rcpt`, `check_data` … */
  readonly ruleset: string;
  readonly arg1: string;
  readonly arg2?: string;
  /** `host [ip]`. */
  readonly relay: string;
  /** The reply line: `550 5.7.1 <u@h>... Relaying denied`. */
  readonly reject: string;
}

/** `QID: ruleset=check_rcpt, arg1=<u@h>, relay=host [ip], reject=550 …`: a command was refused. */
export function logRejected(log: Log, rejection: LoggedRejection): void {
  const { id = "NOQUEUE", ruleset, arg1, arg2, relay, reject } = rejection;
  const second = arg2 === undefined ? "" : `, arg2=${arg2}`;
  log.write("info", `${id}: ruleset=${ruleset}, arg1=${arg1}${second}, relay=${relay}, reject=${reject}`);
}

/** How Sendmail names a report in the log. */
export type ReportTitle = "DSN" | "return to sender" | "sender notify" | "postmaster notify";

/** `QID: NEWID: DSN: User unknown`: a report was enqueued. */
export function logReport(log: Log, id: string, reportId: string, title: ReportTitle, reason: string): void {
  log.write("info", `${id}: ${reportId}: ${title}: ${reason}`);
}

/** A report that could not be delivered, or has nobody to go to, ends here. */
export function logReportDropped(log: Log, id: string, reason: string): void {
  log.write("warn", `${id}: Losing ${id}: savemail panic: ${reason}`);
}

/** `QID: done; delay=00:00:01, ntries=1`: the message left the queue. */
export function logDone(log: Log, entry: QueueEntry, now: number): void {
  log.write(
    "debug",
    `${entry.id}: done; delay=${interval(now - entry.receivedAt)}, ntries=${entry.attempts}`,
  );
}

/** A message that cannot be delivered for a fault of the queue is kept back. */
export function logHeld(log: Log, id: string, reason: string): void {
  log.write("error", `${id}: SYSERR(queue): held: ${reason}`);
}

/** `host [ip]`, `[ip]` when it has no name, `user@localhost` for the sendmail command. */
export function relayOf(origin: MessageOrigin): string {
  if (origin.protocol === "local") return `${origin.user ?? "root"}@localhost`;
  return origin.hostname === "" ? `[${origin.ip}]` : `${origin.hostname} [${origin.ip}]`;
}

/** Sendmail's priority: size, 30,000 a recipient, 90,000 an attempt; a lower one goes first. */
export function priorityOf(entry: QueueEntry): number {
  return entry.size + entry.recipients.length * 30_000 + entry.attempts * 90_000;
}

/** What became of a recipient, in Sendmail's words. */
export function statOf(outcome: Outcome, mailer: string): string {
  const { reply } = outcome;
  if (outcome.kind === "delivered")
    return mailer === "local" || reply.text === "" ? "Sent" : `Sent (${reply.text})`;
  return outcome.kind === "deferred" ? `Deferred: ${reply.text}` : failureOf(reply);
}

/** The short name of a failure: `User unknown`, `Host unknown (…)`, `Service unavailable (…)`. */
export function failureOf(reply: SmtpReply): string {
  if (reply.enhanced === "5.1.1") return "User unknown";
  if (reply.enhanced === "5.1.2") return `Host unknown (${reply.text})`;
  if (reply.enhanced === "5.4.7" || reply.enhanced === "4.4.7") return reply.text;
  return `Service unavailable (${[reply.code, reply.enhanced, reply.text].filter((t) => t !== "").join(" ")})`;
}

/** `00:00:02`, with days in front as `1+02:03:04`. */
export function interval(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(Math.floor(total / 3600) % 24)}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
  const days = Math.floor(total / 86_400);
  return days === 0 ? time : `${days}+${time}`;
}
