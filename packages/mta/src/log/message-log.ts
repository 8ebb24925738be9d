/**
 * The life of a message in the log, one function an event, in Sendmail's line format.
 *
 * Log analysers read these lines: fields, their order and their spelling are Sendmail's.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { writtenIp } from "@mailhost/common/ip-address";
import type { Log } from "@mailhost/common/log/log";
import { exitCodeOf } from "../deliver/exit-status.ts";
import type { Failed, Outcome } from "../deliver/outcome.ts";
import type { MessageOrigin, QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";
import { bareName } from "../recipients/local-sender.ts";
import { controllingOf, loggedAddress, mailerOf, relayField } from "./logged-recipient.ts";
import { counted } from "./statistics.ts";

/** Sendmail's LogLevel from which on it writes a line. */
const FROM = 5;
const FAILURE = 7;
const SUCCESS = 8;
const DEFERRAL = 9;
const REJECTION = 4;
const REPORT = 5;
const QUARANTINE = 3;
const DONE = 10;

/** True when the log asks for lines of a Sendmail level. */
export function isLogged(log: Log, level: number): boolean {
  return (log.verbosity ?? 9) >= level;
}

/** What is told of a message that was accepted. */
export type AcceptedMessage = Pick<
  QueueEntry,
  | "id"
  | "sender"
  | "size"
  | "countedSize"
  | "precedence"
  | "messageId"
  | "bodyType"
  | "bodyTypeGiven"
  | "origin"
  | "quarantine"
> & { readonly recipients: readonly unknown[] };

/** The port that a message came in by, and whose login it was. */
export interface AcceptedBy {
  /** `MTA`, `MSA`. */
  readonly daemon: string;
  readonly account?: string;
}

/**
 * `QID: from=<a@b>, size=…, class=0, nrcpts=…, …`: a message was accepted. The sender is told as it was given; `authid=` is not
 * Sendmail's: with it one line says who sent a message.
 */
export function logAccepted(log: Log, entry: AcceptedMessage, by: AcceptedBy = { daemon: "MTA" }): void {
  const { origin } = entry;
  const isLocal = origin.protocol === "local";
  const bodyType = entry.bodyTypeGiven === true || entry.bodyType === "8BITMIME";
  counted(log, { what: "from", mailer: isLocal ? "local" : "esmtp", size: entry.size });
  if (!isLogged(log, FROM)) return;
  let line = `${entry.id}: from=<${entry.sender}>, size=${entry.countedSize ?? entry.size}, class=${entry.precedence ?? 0}, nrcpts=${entry.recipients.length}`;
  if (entry.messageId !== undefined) line += `, msgid=${entry.messageId}`;
  if (bodyType) line += `, bodytype=${entry.bodyType}`;
  if (!isLocal) line += `, proto=${origin.protocol}, daemon=${by.daemon}`;
  if (by.account !== undefined) line += `, authid=${by.account}`;
  log.write("info", `${line}, relay=${relayOf(origin)}`);
}

/** `QID: QID: clone: owner=joe`: what a list with an owner sends on goes out under the owner's name. */
export function logOwners(log: Log, { id, recipients }: QueueEntry, hostname: string): void {
  if (!isLogged(log, FROM) || recipients.every(({ sender }) => sender === undefined)) return;
  const owners = new Set(recipients.map(({ sender }) => sender).filter((sender) => sender !== undefined));
  for (const owner of owners) log.write("info", `${id}: ${id}: clone: owner=${bareName(owner, hostname)}`);
}

/** `QID: quarantine=reason`: it waits for a person. */
export function logQuarantined(log: Log, id: string, reason: string): void {
  counted(log, { what: "quarantined", mailer: "esmtp" });
  if (isLogged(log, QUARANTINE)) log.write("info", `${id}: quarantine=${reason}`);
}

/** `QID: unquarantine`: a person has let it go. */
export function logUnquarantined(log: Log, id: string): void {
  if (isLogged(log, QUARANTINE)) log.write("info", `${id}: unquarantine`);
}

/** `QID: to=…, stat=queued`, a line a recipient: the message waits for the queue's own time, or in quarantine for a person. */
export function logQueued(log: Log, entry: QueueEntry, now: number): void {
  if (!isLogged(log, SUCCESS)) return;
  for (const recipient of entry.recipients) {
    const fields = [
      `to=${loggedAddress(recipient)}`,
      ...controllingOf(recipient, entry),
      `delay=${interval(now - entry.receivedAt)}`,
      `mailer=${mailerOf(recipient)}`,
      `pri=${priorityOf(entry)}`,
      ...(entry.quarantine === undefined
        ? ["stat=queued"]
        : [`quarantine=${entry.quarantine}`, "stat=quarantined"]),
    ];
    log.write("info", `${entry.id}: ${fields.join(", ")}`);
  }
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
  if (outcome.kind === "delivered")
    counted(log, { what: "to", mailer: mailerOf(recipient, mailer), size: entry.size });
  if (!isLogged(log, LEVELS[outcome.kind])) return;
  const { reply } = outcome;
  const by = mailerOf(recipient, mailer);
  let line = `${entry.id}: to=${loggedAddress(recipient)}`;
  for (const field of controllingOf(recipient, entry)) line += `, ${field}`;
  line += `, delay=${interval(now - entry.receivedAt)}, xdelay=${interval(now - startedAt)}, mailer=${by}, pri=${priorityOf(entry)}`;
  for (const field of relayField(recipient, outcome.relay)) line += `, ${field}`;
  line += `, dsn=${reply.enhanced === "" ? `${Math.floor(reply.code / 100)}.0.0` : reply.enhanced}`;
  for (const field of replyField(outcome)) line += `, ${field}`;
  log.write("info", `${line}, stat=${statOf(outcome, by)}`);
}

const LEVELS: Readonly<Record<Outcome["kind"], number>> = {
  delivered: SUCCESS,
  deferred: DEFERRAL,
  failed: FAILURE,
};

/** `reply=550 5.1.1 no such user`: what another host said, where it did not take the message. */
function replyField(outcome: Outcome): string[] {
  return outcome.kind === "delivered" || !isRemoteReply(outcome) ? [] : [`reply=${replyText(outcome.reply)}`];
}

function replyText(reply: SmtpReply): string {
  return [reply.code, reply.enhanced, reply.text].filter((t) => t !== "").join(" ");
}

/** A command that was refused. */
export interface LoggedRejection {
  /** Queue id; absent for check_relay, which comes before any transaction. */
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
  if (isLogged(log, REJECTION)) log.write("info", `${stageText(rejection)}, reject=${rejection.reject}`);
}

/** `QID: ruleset=check_rcpt, arg1=<u@h>, relay=host [ip]`; without the id for a client that is not let in at all. */
export function stageText({ id, ruleset, arg1, arg2, relay }: Omit<LoggedRejection, "reject">): string {
  const second = arg2 === undefined ? "" : `, arg2=${arg2}`;
  return `${id === undefined ? "" : `${id}: `}ruleset=${ruleset}, arg1=${arg1}${second}, relay=${relay}`;
}

/** How Sendmail names a report in the log. */
export type ReportTitle = "DSN" | "return to sender" | "sender notify" | "postmaster notify";

/** `QID: NEWID: DSN: User unknown`: a report was enqueued. */
export function logReport(log: Log, id: string, reportId: string, title: ReportTitle, reason: string): void {
  if (isLogged(log, REPORT)) log.write("info", `${id}: ${reportId}: ${title}: ${reason}`);
}

/** `QID: to=<sender>, …, stat=User unknown`: the report would go to a sender of ours that nobody has. */
export function logUnknownSender(log: Log, entry: QueueEntry, sender: string, now: number): void {
  if (!isLogged(log, FAILURE)) return;
  const delay = interval(now - entry.receivedAt);
  log.write(
    "info",
    `${entry.id}: to=<${sender}>, delay=${delay}, mailer=local, pri=${priorityOf(entry)}, dsn=5.1.1, reply=550 5.1.1 User unknown, stat=User unknown`,
  );
}

/** A report that could not be delivered, or has nobody to go to, ends here. */
export function logReportDropped(log: Log, id: string, reason: string): void {
  log.write("warn", `${id}: Losing ${id}: savemail panic: ${reason}`);
}

/** `QID: done; delay=00:00:01, ntries=1`: the message left the queue. */
export function logDone(log: Log, entry: QueueEntry, now: number): void {
  if (!isLogged(log, DONE)) return;
  log.write("info", `${entry.id}: done; delay=${interval(now - entry.receivedAt)}, ntries=${entry.attempts}`);
}

/** A message that cannot be delivered for a fault of the queue is kept back. */
export function logHeld(log: Log, id: string, reason: string): void {
  log.write("error", `${id}: SYSERR(queue): held: ${reason}`);
}

/** `host [ip]`, `[ip]` when it has no name, `user@localhost` for the sendmail command. */
export function relayOf(origin: MessageOrigin): string {
  if (origin.protocol === "local") return `${origin.user ?? "root"}@localhost`;
  const address = `[${writtenIp(origin.ip)}]`;
  return origin.hostname === "" ? address : `${origin.hostname} ${address}`;
}

/** Sendmail's priority: size − class × 1,800 + 30,000 a recipient + 90,000 an attempt; a lower one goes first. */
export function priorityOf(
  entry: Pick<QueueEntry, "size" | "countedSize" | "precedence" | "recipients" | "attempts">,
): number {
  const { size, countedSize = size, precedence = 0, recipients, attempts } = entry;
  return countedSize - precedence * 1800 + recipients.length * 30_000 + attempts * 90_000;
}

/** What became of a recipient, in Sendmail's words. */
export function statOf(outcome: Outcome, mailer: string): string {
  const { reply } = outcome;
  if (outcome.kind === "delivered") {
    const isOurs = mailer !== "esmtp" && mailer !== "smtp" && mailer !== "relay";
    return isOurs || reply.text === "" ? "Sent" : `Sent (${reply.text})`;
  }
  if (outcome.kind === "failed") return failureOf(outcome);
  // Exit codes such as EX_OSERR and EX_IOERR are temporary, but Sendmail's log has their own words.
  if (!isRemoteReply(outcome) && exitCodeOf(reply) !== undefined) return reply.text;
  return `Deferred: ${isRemoteReply(outcome) ? replyText(reply) : reply.text}`;
}

/** What became of a recipient, as far as a failure's name depends on it. */
export type FailedReply = Pick<Failed, "reply" | "remoteMta" | "transcript">;

/**
 * The short name of a failure: Sendmail's words for its exit code. A host that refuses RCPT with 550, 551 or 553 does not
 * know the user, whatever it says.
 */
export function failureOf(failed: FailedReply): string {
  const { reply, remoteMta, transcript = [] } = failed;
  const atRcpt = /^>>> RCPT/i.test(transcript.findLast((line) => line.startsWith(">>>")) ?? "");
  if (reply.enhanced === "5.1.1" || (atRcpt && [550, 551, 553].includes(reply.code))) return "User unknown";
  if (reply.enhanced === "5.1.2") {
    return reply.text.startsWith("Host unknown") ? reply.text : `Host unknown (${reply.text})`;
  }
  if (reply.enhanced === "5.4.7" || reply.enhanced === "4.4.7") return reply.text;
  if (remoteMta !== undefined) return "Service unavailable";
  return exitCodeOf(reply) !== undefined ? reply.text : `Service unavailable (${replyText(reply)})`;
}

/** True when the reply is what another host said, and not our own words about a connection that failed. */
function isRemoteReply({
  remoteMta,
  reply,
}: {
  readonly remoteMta?: string;
  readonly reply: SmtpReply;
}): boolean {
  return remoteMta !== undefined && !OWN_WORDS.test(reply.text);
}

/** How deliver/smtp-fault.ts speaks of connections. */
const OWN_WORDS =
  /^(Connection (refused|reset|timed out|closed|with)|No route to host|Network is unreachable|Protocol error by) /;

/** `00:00:02`, with days in front as `1+02:03:04`. */
export function interval(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  if (total === 0) return "00:00:00";
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(Math.floor(total / 3600) % 24)}:${two(Math.floor(total / 60) % 60)}:${two(total % 60)}`;
  const days = Math.floor(total / 86_400);
  return days === 0 ? time : `${days}+${time}`;
}
