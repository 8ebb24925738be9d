/**
 * The part of a report that programs read: message/delivery-status (RFC 3464), and its form for internationalised
 * addresses, message/global-delivery-status (RFC 6533). Fields, their order and spelling are Sendmail's.
 */
import { splitAddress } from "@mailhost/common/address";
import { exitCodeOf, UNKNOWN_EXIT } from "../deliver/exit-status.ts";
import {
  type ExpandedAddress,
  isLocalTarget,
  isProgramOrFile,
  type QueueEntry,
  type QueueRecipient,
  targetName,
} from "../queue/queue-entry.ts";
import { type QueueTimes, returnAt } from "../queue/schedule.ts";
import { mailDate, oneLine, replyLine } from "./header-text.ts";
import { fateOf, type Report, type ReportKind } from "./report.ts";

/** What the fields are made from. */
export interface StatusParts {
  readonly entry: QueueEntry;
  readonly report: Report;
  readonly hostname: string;
  readonly times: QueueTimes;
  /** False: no X-Actual-Recipient (PrivacyOptions noactualrecipient). */
  readonly actualRecipient?: boolean;
}

/** The fields: a block for the message, then one for each recipient, empty lines between. */
export function statusFields(parts: StatusParts): string {
  const { report } = parts;
  const blocks = [
    messageFields(parts),
    ...(report.expanded ?? []).map((expanded) => expandedFields(expanded, parts)),
    ...report.recipients.map((recipient) => recipientFields(recipient, parts)),
  ];
  return blocks.map((fields) => fields.map((field) => `${field}\r\n`).join("")).join("\r\n");
}

function messageFields({ entry, hostname }: StatusParts): string[] {
  const { origin } = entry;
  return [
    ...(entry.envelopeId === undefined ? [] : [`Original-Envelope-Id: ${oneLine(entry.envelopeId)}`]),
    `Reporting-MTA: dns; ${hostname}`,
    ...(origin.protocol === "local" || origin.helo === ""
      ? []
      : [`Received-From-MTA: DNS; ${oneLine(origin.hostname === "" ? `[${origin.ip}]` : origin.hostname)}`]),
    `Arrival-Date: ${mailDate(entry.receivedAt)}`,
  ];
}

/** An alias that led to several recipients (RFC 3461 section 5.2.7). */
function expandedFields(expanded: ExpandedAddress, { entry }: StatusParts): string[] {
  return [
    ...originalField(expanded.originalRecipient),
    `Final-Recipient: ${addressField(expanded.address, entry.smtputf8)}`,
    `Action: ${expanded.isList === true ? "delivered (to mailing list)" : "expanded (to multi-recipient alias)"}`,
    "Status: 2.1.5",
    `Last-Attempt-Date: ${mailDate(entry.lastAttemptAt || entry.receivedAt)}`,
  ];
}

function recipientFields(recipient: QueueRecipient, parts: StatusParts): string[] {
  const { entry, report, times, actualRecipient = true } = parts;
  const { lastReply, remoteMta } = recipient;
  const fate = fateOf(report.kind, recipient);
  const fields = [
    ...originalField(recipient.originalRecipient),
    `Final-Recipient: ${addressField(recipient.givenAs ?? recipient.address, entry.smtputf8)}`,
  ];
  if (actualRecipient) fields.push(`X-Actual-Recipient: ${actualField(recipient, parts)}`);
  fields.push(`Action: ${actionOf(report.kind, recipient)}`);
  fields.push(`Status: ${statusOf(report.kind, recipient)}`);
  if (remoteMta !== undefined) fields.push(`Remote-MTA: DNS; ${oneLine(remoteMta)}`);
  if (lastReply !== undefined && fate !== "delivered") {
    // Only what another host said is of type smtp (RFC 3464 section 2.3.6).
    const type = remoteMta === undefined ? "X-Unix" : "SMTP";
    const exit = isProgramOrFile(recipient.target) ? exitCodeOf(lastReply) : undefined;
    fields.push(`Diagnostic-Code: ${type}; ${exit ?? replyLine(lastReply)}`);
  }
  fields.push(`Last-Attempt-Date: ${mailDate(entry.lastAttemptAt)}`);
  if (fate === "delayed") fields.push(`Will-Retry-Until: ${mailDate(returnAt(entry, times))}`);
  return fields;
}

/** ORCPT as the sender gave it. */
function originalField(original: string | undefined): string[] {
  if (original === undefined) return [];
  const [type, ...address] = original.split(";");
  return [`Original-Recipient: ${oneLine(`${type};${address.join(";").trim()}`, 400)}`];
}

function addressField(address: string, smtputf8: boolean): string {
  const type = smtputf8 && /\P{ASCII}/u.test(address) ? "utf-8" : "RFC822";
  return `${type}; ${oneLine(address, 400)}`;
}

/** Where it really went: after aliases, with a domain; a program or a file by its name. */
function actualField({ address, target }: QueueRecipient, { entry, hostname }: StatusParts): string {
  if (isProgramOrFile(target)) return `X-Unix; ${oneLine(targetName(target), 400)}`;
  const whole =
    target.kind === "mailbox"
      ? `${target.name}@${hostname}`
      : splitAddress(address).domain === ""
        ? `${address}@${hostname}`
        : address;
  return addressField(whole, entry.smtputf8).replace(/^RFC822/, "rfc822");
}

/** RFC 3464 section 2.3.3, with Sendmail's comments. `relayed`: handed to a host that sends no notices. */
function actionOf(kind: ReportKind, recipient: QueueRecipient): string {
  const fate = fateOf(kind, recipient);
  if (fate !== "delivered") return fate;
  return isLocalTarget(recipient.target) ? "delivered (to mailbox)" : "relayed (to non-DSN-aware mailer)";
}

/** The enhanced code of the last reply, where its class fits what the report says. */
function statusOf(kind: ReportKind, recipient: QueueRecipient): string {
  // Delivery time expired: a persistent transient error that has become a failure (RFC 3463 section 3.5).
  if (recipient.expired === true) return "4.4.7";
  const known = recipient.lastReply?.enhanced ?? "";
  const wanted = { failed: "5", delayed: "4", delivered: "2" }[fateOf(kind, recipient)];
  if (wanted === "2" && isLocalTarget(recipient.target)) return "2.1.5";
  // An exit code that says nothing: Sendmail's log has another code for it than its report.
  if (recipient.lastReply?.text.startsWith(UNKNOWN_EXIT) === true) return `${wanted}.0.0`;
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(known) && known.startsWith(wanted)) return known;
  return `${wanted}.0.0`;
}
