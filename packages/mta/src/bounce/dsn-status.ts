/**
 * The part of a report that programs read: message/delivery-status (RFC 3464), and its form for internationalised
 * addresses, message/global-delivery-status (RFC 6533).
 */
import { isLocalTarget, type QueueEntry, type QueueRecipient } from "../queue/queue-entry.ts";
import { type QueueTimes, returnAt } from "../queue/schedule.ts";
import { decodeXtext, mailDate, oneLine, replyLine } from "./header-text.ts";
import type { Report, ReportKind } from "./report.ts";

/** What the fields are made from. */
export interface StatusParts {
  readonly entry: QueueEntry;
  readonly report: Report;
  readonly hostname: string;
  readonly times: QueueTimes;
}

/** The fields: a block for the message, then one for each recipient, empty lines between. */
export function statusFields(parts: StatusParts): string {
  const blocks = [messageFields(parts), ...parts.report.recipients.map((r) => recipientFields(r, parts))];
  return blocks.map((fields) => fields.map((field) => `${field}\r\n`).join("")).join("\r\n");
}

function messageFields({ entry, hostname }: StatusParts): string[] {
  const { origin } = entry;
  return [
    ...(entry.envelopeId === undefined ? [] : [`Original-Envelope-Id: ${oneLine(entry.envelopeId)}`]),
    `Reporting-MTA: dns; ${hostname}`,
    ...(origin.protocol === "local" || origin.helo === ""
      ? []
      : [`Received-From-MTA: dns; ${oneLine(origin.hostname === "" ? `[${origin.ip}]` : origin.hostname)}`]),
    `Arrival-Date: ${mailDate(entry.receivedAt)}`,
  ];
}

function recipientFields(recipient: QueueRecipient, { entry, report, times }: StatusParts): string[] {
  const { lastReply, remoteMta } = recipient;
  const fields: string[] = [];
  if (recipient.originalRecipient !== undefined) {
    const [type, ...address] = recipient.originalRecipient.split(";");
    fields.push(`Original-Recipient: ${oneLine(`${type}; ${decodeXtext(address.join(";").trim())}`, 400)}`);
  }
  fields.push(`Final-Recipient: ${addressField(recipient.address, entry.smtputf8)}`);
  fields.push(`Action: ${actionOf(report.kind, recipient)}`);
  fields.push(`Status: ${statusOf(report.kind, recipient)}`);
  if (remoteMta !== undefined) fields.push(`Remote-MTA: dns; ${oneLine(remoteMta)}`);
  if (lastReply !== undefined && report.kind !== "success") {
    // Only what another host said is of type smtp (RFC 3464 section 2.3.6).
    const type = remoteMta === undefined ? "x-unix" : "smtp";
    fields.push(`Diagnostic-Code: ${type}; ${replyLine(lastReply)}`);
  }
  fields.push(`Last-Attempt-Date: ${mailDate(entry.lastAttemptAt)}`);
  if (report.kind === "delay") fields.push(`Will-Retry-Until: ${mailDate(returnAt(entry, times))}`);
  return fields;
}

function addressField(address: string, smtputf8: boolean): string {
  const type = smtputf8 && /\P{ASCII}/u.test(address) ? "utf-8" : "rfc822";
  return `${type}; ${oneLine(address, 400)}`;
}

/** RFC 3464 section 2.3.3. `relayed`: handed to a host that sends no notices. */
function actionOf(kind: ReportKind, recipient: QueueRecipient): string {
  if (kind === "delay") return "delayed";
  if (kind !== "success") return "failed";
  return isLocalTarget(recipient.target) ? "delivered" : "relayed";
}

/** The enhanced code of the last reply, where its class fits what the report says. */
function statusOf(kind: ReportKind, recipient: QueueRecipient): string {
  const known = recipient.lastReply?.enhanced ?? "";
  const classes: Readonly<Record<ReportKind, string>> = {
    failure: "5",
    "double-bounce": "5",
    delay: "4",
    success: "2",
  };
  const wanted = classes[kind];
  // Delivery time expired: a persistent transient error that has become a failure (RFC 3463 section 3.5).
  if (kind === "failure" && known === "4.4.7") return known;
  if (/^[245]\.\d{1,3}\.\d{1,3}$/.test(known) && known.startsWith(wanted)) return known;
  return kind === "success" && isLocalTarget(recipient.target) ? "2.1.5" : `${wanted}.0.0`;
}
