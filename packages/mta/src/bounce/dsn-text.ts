/**
 * The part of a report that people read: a short paragraph in English and in Chinese, then Sendmail's words.
 */

import type { SmtpReply } from "@mailhost/common/errors";
import { exitCodeOf, UNKNOWN_EXIT } from "../deliver/exit-status.ts";
import { failureOf, relayOf } from "../log/message-log.ts";
import {
  type ExpandedAddress,
  isLocalTarget,
  isProgramOrFile,
  type QueueEntry,
  type QueueRecipient,
  writtenTarget,
} from "../queue/queue-entry.ts";
import type { QueueTimes } from "../queue/schedule.ts";
import { durationInWords } from "./duration-words.ts";
import { mailDate, oneLine, replyLine } from "./header-text.ts";
import { fateOf, type Report, type ReportKind } from "./report.ts";

/** Lines of one recipient's conversation or program that are shown. */
const TRANSCRIPT_LINES = 12;

const PLAIN: Readonly<Record<ReportKind, readonly [english: string, chinese: string]>> = {
  failure: [
    "Your message could not be delivered to the recipients below. It will not be tried again.",
    "您的邮件无法投递给下列收件人，系统不会再次尝试。",
  ],
  "double-bounce": [
    "A message could not be delivered, and its sender cannot be told. It will not be tried again.",
    "一封邮件无法投递，也无法通知发件人，系统不会再次尝试。",
  ],
  delay: [
    "Your message has not been delivered yet. It will be tried again; you need not do anything.",
    "您的邮件尚未投递成功，系统将继续尝试，您无需重新发送。",
  ],
  success: ["Your message was delivered to the recipients below.", "您的邮件已投递给下列收件人。"],
};

/** Subject of a report, as Sendmail's. */
export function subjectOf(kind: ReportKind, times: QueueTimes): string {
  switch (kind) {
    case "failure":
      return "Returned mail: see transcript for details";
    case "double-bounce":
      return "Postmaster notify: see transcript for details";
    case "delay":
      return `Warning: could not send message for past ${durationInWords(times.warnAfter)}`;
    case "success":
      return "Return receipt";
  }
}

/**
 * The lines of the readable part.
 *
 * @param unreturnable what became of the report to the sender, in a double bounce
 */
export function reportText(
  report: Report,
  entry: QueueEntry,
  times: QueueTimes,
  unreturnable: readonly string[] = [],
): string[] {
  const { kind, recipients, expanded = [] } = report;
  const of = (fate: ReturnType<typeof fateOf>) => recipients.filter((r) => fateOf(kind, r) === fate);
  const succeeded = [...of("delivered").map(deliveredLine), ...expanded.map(expandedLine)];
  return [
    ...PLAIN[kind],
    "",
    ...(kind === "delay" ? warningBanner() : []),
    `The original message was received at ${mailDate(entry.receivedAt)}`,
    `from ${oneLine(relayOf(entry.origin))}`,
    ...(kind === "double-bounce" ? [`with id ${entry.id}`] : []),
    ...section("The following addresses had permanent fatal errors", of("failed").flatMap(recipientLines)),
    ...section(
      "The following addresses had transient non-fatal errors",
      of("delayed").flatMap(recipientLines),
    ),
    ...section("The following addresses had successful delivery notifications", succeeded),
    ...section("Transcript of session follows", [
      ...transcript(report, times),
      ...unreturnable.map((l) => oneLine(l)),
    ]),
  ];
}

/** A heading and its lines; nothing where there are none. */
function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `   ----- ${title} -----`, ...lines];
}

function warningBanner(): string[] {
  const stars = `    ${"*".repeat(46)}`;
  return [
    stars,
    "    **      THIS IS A WARNING MESSAGE ONLY      **",
    "    **  YOU DO NOT NEED TO RESEND YOUR MESSAGE  **",
    stars,
    "",
  ];
}

/** `<a@b>`; a program or a file by its name. */
function named({ address, target }: QueueRecipient): string {
  const isAddress = target.kind === "mailbox" || target.kind === "remote";
  return isAddress ? `<${oneLine(address)}>` : oneLine(writtenTarget(target));
}

/** What was said; of a program's end Sendmail's words, or its exit code where there are none. */
function reasonOf({ target }: QueueRecipient, reply: SmtpReply): string {
  const exit = isProgramOrFile(target) ? exitCodeOf(reply) : undefined;
  if (exit === undefined) return replyLine(reply);
  return reply.text.startsWith(UNKNOWN_EXIT) ? String(exit) : reply.text;
}

function recipientLines(recipient: QueueRecipient): string[] {
  const lines = [named(recipient)];
  if (recipient.lastReply !== undefined)
    lines.push(`    (reason: ${reasonOf(recipient, recipient.lastReply)})`);
  const { address, target, givenAs = address } = recipient;
  // A program or file never is the address that was given.
  if (isProgramOrFile(target) || givenAs.toLowerCase() !== address.toLowerCase()) {
    lines.push(`    (expanded from: <${oneLine(givenAs)}>)`);
  }
  return lines;
}

function deliveredLine(recipient: QueueRecipient): string {
  return isLocalTarget(recipient.target)
    ? `${named(recipient)}  (successfully delivered to mailbox)`
    : `${named(recipient)}  (relayed to non-DSN-aware mailer)`;
}

function expandedLine({ address, isList }: ExpandedAddress): string {
  return `<${oneLine(address)}>  (${isList === true ? "successfully delivered to mailing list" : "expanded by alias"})`;
}

function transcript(report: Report, times: QueueTimes): string[] {
  const lines: string[] = [];
  let host: string | undefined;
  for (const recipient of report.recipients) {
    const { remoteMta } = recipient;
    if (fateOf(report.kind, recipient) === "delivered") {
      lines.push(
        `${named(recipient)}... ${isLocalTarget(recipient.target) ? "Successfully delivered" : "relayed; expect no further notifications"}`,
      );
      continue;
    }
    const said = (recipient.transcript ?? []).slice(-TRANSCRIPT_LINES);
    const isNamed = said.some((line) => line.startsWith("... while talking to "));
    if (remoteMta !== undefined && remoteMta !== host && !isNamed)
      lines.push(`... while talking to ${oneLine(remoteMta)}:`);
    host = remoteMta;
    for (const line of said) lines.push(oneLine(line, 200));
    lines.push(...statement(recipient, report.kind));
  }
  if (report.recipients.some((recipient) => recipient.expired === true)) {
    lines.push(`Message could not be delivered for ${durationInWords(times.returnAfter)}`);
    lines.push("Message will be deleted from queue");
  }
  if (report.kind === "delay") {
    lines.push(`Warning: message still undelivered after ${durationInWords(times.warnAfter)}`);
    lines.push(`Will keep trying until message is ${durationInWords(times.returnAfter)} old`);
  }
  return lines;
}

/** `550 5.1.1 <x>... User unknown`, `<x>... Deferred: reason`, `554 5.0.0 Service unavailable`. */
function statement(recipient: QueueRecipient, kind: ReportKind): string[] {
  const { lastReply } = recipient;
  if (lastReply === undefined) return [];
  const name = named(recipient);
  const text = oneLine(lastReply.text);
  if (recipient.expired === true || kind === "delay") return [`${name}... Deferred: ${text}`];
  const failure = failureOf({ ...recipient, reply: lastReply });
  if (failure === "User unknown") return [`550 5.1.1 ${name}... User unknown`];
  if (failure === "Service unavailable") return ["554 5.0.0 Service unavailable"];
  // Of a program's end only the 550s name the recipient.
  const isExit = isProgramOrFile(recipient.target) && exitCodeOf(lastReply) !== undefined;
  const isNamed = text.includes(`<${recipient.address}>`) || (isExit && lastReply.code !== 550);
  const subject = isNamed ? "" : `${name}... `;
  const said = failure.startsWith("Host unknown") ? oneLine(failure) : text;
  return [[lastReply.code, lastReply.enhanced, subject + said].filter((t) => t !== "").join(" ")];
}
