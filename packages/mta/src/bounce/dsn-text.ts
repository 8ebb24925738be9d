/**
 * The part of a report that people read: a short paragraph in English and in Chinese, then Sendmail's words.
 */
import { relayOf } from "../log/message-log.ts";
import type { QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";
import type { QueueTimes } from "../queue/schedule.ts";
import { durationInWords } from "./duration-words.ts";
import { mailDate, oneLine, replyLine } from "./header-text.ts";
import type { Report, ReportKind } from "./report.ts";

/** Lines of one recipient's conversation that are shown. */
const TRANSCRIPT_LINES = 6;

const PLAIN: Readonly<Record<ReportKind, readonly [english: string, chinese: string]>> = {
  failure: [
    "Your message could not be delivered to the recipients below. It will not be tried again.",
    "您的邮件无法投递给下列收件人，系统不会再次尝试。",
  ],
  "double-bounce": [
    "A message without a sender could not be delivered to the recipients below. It will not be tried again.",
    "一封没有发件人的邮件无法投递给下列收件人，系统不会再次尝试。",
  ],
  delay: [
    "Your message has not been delivered yet. It will be tried again; you need not do anything.",
    "您的邮件尚未投递成功，系统将继续尝试，您无需重新发送。",
  ],
  success: ["Your message was delivered to the recipients below.", "您的邮件已投递给下列收件人。"],
};

const HEADINGS: Readonly<Record<ReportKind, string>> = {
  failure: "   ----- The following addresses had permanent fatal errors -----",
  "double-bounce": "   ----- The following addresses had permanent fatal errors -----",
  delay: "   ----- The following addresses had transient non-fatal errors -----",
  success: "   ----- The following addresses had successful delivery notifications -----",
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

/** The lines of the readable part. */
export function reportText(report: Report, entry: QueueEntry, times: QueueTimes): string[] {
  return [
    ...PLAIN[report.kind],
    "",
    ...(report.kind === "delay" ? warningBanner() : []),
    `The original message was received at ${mailDate(entry.receivedAt)}`,
    `from ${oneLine(relayOf(entry.origin))}`,
    "",
    HEADINGS[report.kind],
    ...report.recipients.flatMap((recipient) => recipientLines(recipient)),
    ...transcript(report, times),
  ];
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

function recipientLines(recipient: QueueRecipient): string[] {
  const lines = [`<${oneLine(recipient.address)}>`];
  if (recipient.state !== "delivered" && recipient.lastReply !== undefined) {
    lines.push(`    (reason: ${replyLine(recipient.lastReply)})`);
  }
  const original = recipient.originalRecipient?.replace(/^[^;]*;/, "");
  if (original !== undefined && original.toLowerCase() !== recipient.address.toLowerCase()) {
    lines.push(`    (expanded from: <${oneLine(original)}>)`);
  }
  return lines;
}

function transcript(report: Report, times: QueueTimes): string[] {
  if (report.kind === "success") return [];
  const lines = ["", "   ----- Transcript of session follows -----"];
  for (const recipient of report.recipients) {
    const { lastReply, remoteMta, address } = recipient;
    if (remoteMta !== undefined) lines.push(`... while talking to ${oneLine(remoteMta)}:`);
    for (const line of (recipient.transcript ?? []).slice(-TRANSCRIPT_LINES)) lines.push(oneLine(line, 200));
    if (lastReply === undefined) continue;
    lines.push(
      report.kind === "delay"
        ? `<${oneLine(address)}>... Deferred: ${oneLine(lastReply.text)}`
        : statement(oneLine(address), lastReply.code, lastReply.enhanced, oneLine(lastReply.text)),
    );
  }
  if (report.kind === "delay") {
    lines.push(`Warning: message still undelivered after ${durationInWords(times.warnAfter)}`);
    lines.push(`Will keep trying until message is ${durationInWords(times.returnAfter)} old`);
  }
  return lines;
}

/** `550 5.1.1 <x>... User unknown`; a reply that names the address already is left as it is. */
function statement(address: string, code: number, enhanced: string, text: string): string {
  const subject = text.includes(`<${address}>`) ? "" : `<${address}>... `;
  return [code, enhanced, subject + text].filter((t) => t !== "").join(" ");
}
