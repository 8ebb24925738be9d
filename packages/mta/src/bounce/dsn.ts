/**
 * Writes a delivery report: multipart/report; report-type=delivery-status (RFC 6522, RFC 3464), at most 64 KiB.
 *
 * Three parts: text for people, fields for programs, and the message or its header. Everything but the last part is
 * ASCII on the wire, so a report can be relayed anywhere; a returned message keeps its octets.
 */
import { randomBytes } from "node:crypto";
import type { NewMessage, QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";
import type { MessageBody } from "../queue/queue-store.ts";
import type { QueueTimes } from "../queue/schedule.ts";
import { statusFields } from "./dsn-status.ts";
import { reportText, subjectOf } from "./dsn-text.ts";
import { isAscii, mailDate, oneLine, quotedPrintable } from "./header-text.ts";
import { FULL_LIMIT, readOriginal } from "./original.ts";
import type { Report, ReportKind } from "./report.ts";

/** What a report is made from. */
export interface DsnParts {
  readonly report: Report;
  /** The message that it is about, after the attempt. */
  readonly entry: QueueEntry;
  readonly body: MessageBody;
  /** Where the report goes; `report.to` resolved. */
  readonly recipients: readonly ReportRecipient[];
  readonly hostname: string;
  readonly times: QueueTimes;
  /** ms since 1970. */
  readonly now: number;
  /** What became of the report to the sender, in a double bounce. */
  readonly unreturnable?: readonly string[];
  /** False: the message is never given back, only its header (PrivacyOptions nobodyreturn). */
  readonly returnBody?: boolean;
  /** See {@link StatusParts}. */
  readonly actualRecipient?: boolean;
}

/** Where a report goes, and how the log has it. */
export type ReportRecipient = Pick<QueueRecipient, "address" | "target" | "controlling" | "writtenAs">;

/** The largest report (octets). */
export const REPORT_LIMIT = 64 * 1024;

/** Room for the readable part (octets); longer ones are cut at the end of a line. */
const TEXT_LIMIT = 12 * 1024;
/** Room for the header of the report and of its parts (octets). */
const FRAME = 2 * 1024;

/** Writes the report and the envelope that it goes in: from `<>`, and never answered itself. */
export async function composeDsn(parts: DsnParts): Promise<{ message: NewMessage; body: Buffer }> {
  const { report, entry, hostname, now } = parts;
  const utf8 = entry.smtputf8;
  const text = cutLines(
    quotedPrintable(reportText(report, entry, parts.times, parts.unreturnable)),
    TEXT_LIMIT,
  );
  const status = Buffer.from(statusFields(parts));
  const wantsFull =
    parts.returnBody !== false &&
    entry.dsnReturn !== "HDRS" &&
    // Bulk mail (a class below 0) comes back without its body, as from Sendmail.
    (entry.precedence ?? 0) >= 0 &&
    (report.kind === "failure" || report.kind === "double-bounce");
  const room = Math.min(FULL_LIMIT, REPORT_LIMIT - FRAME - text.length - status.length);
  const original = await readOriginal(parts.body, wantsFull, room);
  const isPlain = isAscii(original.bytes) && isAscii(status);
  const encoding = isPlain ? "7bit" : "8bit";
  const boundary = boundaryFor([Buffer.from(text), status, original.bytes], hostname);
  const messageId = `<${randomBytes(12).toString("hex")}@${hostname}>`;
  const types = utf8 ? GLOBAL_TYPES : TYPES;
  const head = [
    `Date: ${mailDate(now)}`,
    `From: Mail Delivery Subsystem <MAILER-DAEMON@${hostname}>`,
    `Message-Id: ${messageId}`,
    `To: ${report.kind === "double-bounce" ? oneLine(report.to, 400) : `<${oneLine(report.to, 400)}>`}`,
    "MIME-Version: 1.0",
    "Content-Type: multipart/report; report-type=delivery-status;",
    `\tboundary="${boundary}"`,
    `Subject: ${subjectOf(report.kind, parts.times)}`,
    `Auto-Submitted: ${AUTO_SUBMITTED[report.kind]}`,
    ...(isReference(entry.messageId) ? [`References: ${entry.messageId}`] : []),
    ...(isPlain ? [] : ["Content-Transfer-Encoding: 8bit"]),
    "",
    "This is a MIME-encapsulated message",
    "",
    `--${boundary}`,
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: quoted-printable",
    "",
    text,
    `--${boundary}`,
    `Content-Type: ${types.status}`,
    ...(isAscii(status) ? [] : ["Content-Transfer-Encoding: 8bit"]),
    "",
    "",
  ].join("\r\n");
  const third = [
    "",
    `--${boundary}`,
    `Content-Type: ${original.full ? types.message : types.headers}`,
    `Content-Transfer-Encoding: ${encoding}`,
    "",
    "",
  ].join("\r\n");
  const body = Buffer.concat([
    Buffer.from(head),
    status,
    Buffer.from(third),
    original.bytes,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
  return { message: envelope(parts, messageId, isAscii(body)), body };
}

const TYPES = {
  status: "message/delivery-status",
  message: "message/rfc822",
  headers: "text/rfc822-headers",
} as const;

/** RFC 6533. */
const GLOBAL_TYPES = {
  status: "message/global-delivery-status",
  message: "message/global",
  headers: "message/global-headers",
} as const;

/** RFC 3834 section 5, with Sendmail's comment. */
const AUTO_SUBMITTED: Readonly<Record<ReportKind, string>> = {
  failure: "auto-generated (failure)",
  "double-bounce": "auto-generated (postmaster-notification)",
  delay: "auto-generated (warning-timeout)",
  success: "auto-generated (return-receipt)",
};

function envelope(parts: DsnParts, messageId: string, ascii: boolean): NewMessage {
  const { entry } = parts;
  return {
    sender: "",
    recipients: parts.recipients.map(({ address, target, controlling, writtenAs }) => ({
      address,
      target,
      ...(controlling === undefined ? {} : { controlling }),
      ...(writtenAs === undefined ? {} : { writtenAs }),
      state: "pending",
    })),
    origin: { ip: "127.0.0.1", hostname: "localhost", helo: "", protocol: "local", user: "MAILER-DAEMON" },
    bodyType: ascii ? "7BIT" : "8BITMIME",
    smtputf8: entry.smtputf8,
    // Sendmail's: it reckons with the message that it gives back and 1,024 octets more.
    countedSize: entry.dsnReturn === "HDRS" ? 0 : (entry.countedSize ?? entry.size) + 1024,
    messageId,
    isReport: true,
    ...(parts.report.kind === "double-bounce" ? { isDoubleBounce: true } : {}),
  };
}

/** A Message-ID that can stand in a header as it is. */
function isReference(id: string | undefined): id is string {
  return id !== undefined && /^<[\x21-\x7e]{1,200}>$/.test(id);
}

/** A boundary that no part contains. */
function boundaryFor(contents: readonly Buffer[], hostname: string): string {
  for (;;) {
    const boundary = `${randomBytes(12).toString("hex")}/${hostname.slice(0, 40)}`;
    if (!contents.some((bytes) => bytes.includes(boundary))) return boundary;
  }
}

/** Whole lines, as many as fit. */
function cutLines(text: string, limit: number): string {
  return text.length <= limit ? text : text.slice(0, text.lastIndexOf("\r\n", limit - 2) + 2);
}
