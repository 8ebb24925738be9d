/**
 * From what became of recipients to the reports that are enqueued in the same commit.
 */
import { splitAddress } from "@mailhost/common/address";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import { composeDsn, type ReportRecipient } from "../bounce/dsn.ts";
import { subjectOf } from "../bounce/dsn-text.ts";
import { durationInWords } from "../bounce/duration-words.ts";
import { decideReports, type Report, type ReportRules, type Settled } from "../bounce/report.ts";
import {
  failureOf,
  logReport,
  logReportDropped,
  logUnknownSender,
  type ReportTitle,
} from "../log/message-log.ts";
import { unresolved } from "./late-recipients.ts";
import type { NewMessage, QueueEntry, QueueRecipient } from "./queue-entry.ts";
import type { MessageBody } from "./queue-store.ts";
import type { QueueTimes } from "./schedule.ts";

/**
 * Where mail for an address goes: our own mailboxes after aliases, or another host. Empty when nobody takes it. The
 * sender of a message may be one of us, so reports need it as much as recipients do.
 */
export type ResolveAddress = (address: string) => Promise<readonly ReportRecipient[]>;

/** What reports are made with. */
export interface ReportingParts {
  readonly resolve: ResolveAddress;
  readonly hostname: string;
  readonly times: QueueTimes;
  readonly log: Log;
  /** What the settings say of reports; absent: Sendmail's defaults. */
  readonly reports?: ReportSettings;
}

/** The settings that reports depend on. */
export interface ReportSettings extends ReportRules {
  readonly returnBody: boolean;
  readonly actualRecipient: boolean;
}

/** Reads them from the settings (PrivacyOptions noreceipts, nobodyreturn and noactualrecipient, DoubleBounceAddress). */
export function reportSettings({ smtp, queue }: Pick<Settings, "smtp" | "queue">): ReportSettings {
  return {
    doubleBounceAddress: queue.doubleBounceAddress,
    receipts: !smtp.privacy.includes("noreceipts"),
    returnBody: !smtp.privacy.includes("nobodyreturn"),
    actualRecipient: !smtp.privacy.includes("noactualrecipient"),
  };
}

/** A report, ready for {@link QueueChange.add}. */
export interface WrittenReport {
  readonly message: NewMessage;
  readonly body: Buffer;
  readonly title: ReportTitle;
  readonly reason: string;
}

/** Sends everything to the host of its domain; for a queue that knows nothing of mailboxes. */
export const resolveRemote: ResolveAddress = (address) => {
  const { domain } = splitAddress(address);
  return Promise.resolve(domain === "" ? [] : [{ address, target: { kind: "remote", domain } }]);
};

/** Writes the reports that are due. Each that cannot be written or has nobody to go to ends in the log. */
export async function writeReports(
  entry: QueueEntry,
  body: MessageBody,
  settled: Settled,
  now: number,
  parts: ReportingParts,
): Promise<WrittenReport[]> {
  const { reports, dropped } = decideReports(entry, settled, parts.reports);
  for (const recipient of dropped) {
    const reason = recipient.lastReply === undefined ? "" : `: ${nameOfFailure(recipient)}`;
    logReportDropped(parts.log, entry.id, `report to <${recipient.address}> cannot be delivered${reason}`);
  }
  const written: WrittenReport[] = [];
  for (const report of reports) {
    const one = await writeReport({ report, entry, body, now }, parts);
    if (one !== undefined) written.push(one);
  }
  return written;
}

/** A report to write, and what it is about. */
interface ReportWork {
  readonly report: Report;
  readonly entry: QueueEntry;
  readonly body: MessageBody;
  readonly now: number;
}

async function writeReport(work: ReportWork, parts: ReportingParts): Promise<WrittenReport | undefined> {
  const { report, entry } = work;
  try {
    const recipients = await resolved(report.to, parts);
    if (recipients.length > 0) return await compose(work, recipients, parts);
    if (report.kind === "double-bounce") {
      logReportDropped(parts.log, entry.id, `nobody takes the report to <${report.to}>`);
      return undefined;
    }
    logUnknownSender(parts.log, entry, report.to, work.now);
    return await tellPostmaster(work, parts);
  } catch (error) {
    // A message must be able to leave the queue even where its report cannot be written.
    parts.log.write("error", `${entry.id}: SYSERR(report): ${messageOf(error)}`);
    return undefined;
  }
}

/** Where a report goes; one whose way cannot be found now waits for it in the queue. */
async function resolved(to: string, { resolve, log }: ReportingParts): ReturnType<ResolveAddress> {
  try {
    return await resolve(to);
  } catch (error) {
    log.write("error", `SYSERR(report): <${to}>: ${messageOf(error)}`);
    const reply = { code: 451, enhanced: "4.3.0", text: "recipient cannot be resolved now" };
    return [{ address: to, target: unresolved(reply) }];
  }
}

/** The sender is one of ours, and nobody: postmaster gets the report, of a failure as Sendmail's double bounce. */
async function tellPostmaster(work: ReportWork, parts: ReportingParts): Promise<WrittenReport | undefined> {
  const { report, entry } = work;
  const to = parts.reports?.doubleBounceAddress ?? "postmaster";
  if (to === "") return undefined;
  const recipients = await resolved(to, parts);
  if (recipients.length > 0) {
    const unreturnable = [`550 5.1.1 <${report.to}>... User unknown`];
    const failed = report.kind === "failure";
    const again: Report = { ...report, ...(failed ? { kind: "double-bounce" } : {}), to };
    const written = await compose({ ...work, report: again }, recipients, parts, unreturnable);
    return failed ? { ...written, reason: "User unknown" } : written;
  }
  logReportDropped(parts.log, entry.id, `nobody takes the report to <${report.to}>, nor <${to}>`);
  return undefined;
}

async function compose(
  { report, entry, body, now }: ReportWork,
  recipients: Awaited<ReturnType<ResolveAddress>>,
  { hostname, times, log, reports }: ReportingParts,
  unreturnable: readonly string[] = [],
): Promise<WrittenReport> {
  const readable = await readableOr(body, log, entry.id);
  const { returnBody = true, actualRecipient = true } = reports ?? {};
  const about = { report, entry, body: readable, recipients, hostname, times, now };
  const dsn = await composeDsn({ ...about, unreturnable, returnBody, actualRecipient });
  return { ...dsn, ...titleOf(report, times) };
}

/** The body, or an empty one when it cannot be read: the report goes all the same. */
async function readableOr(body: MessageBody, log: Log, id: string): Promise<MessageBody> {
  try {
    for await (const _ of body.stream()) break;
    return body;
  } catch (error) {
    log.write("error", `${id}: SYSERR(report): message cannot be read: ${messageOf(error)}`);
    return { size: 0, whole: () => undefined, stream: () => (async function* () {})() };
  }
}

/** Logs reports under the ids that they were given. */
export function logReports(
  log: Log,
  id: string,
  written: readonly WrittenReport[],
  added: readonly QueueEntry[],
): void {
  for (const [i, report] of written.entries()) {
    const entry = added[i];
    if (entry !== undefined) logReport(log, id, entry.id, report.title, report.reason);
  }
}

/** How the log speaks of a report. */
function titleOf(report: Report, times: QueueTimes): { title: ReportTitle; reason: string } {
  const { kind } = report;
  if (kind === "success") return { title: "DSN", reason: subjectOf(kind, times) };
  if (kind === "delay") return { title: "sender notify", reason: subjectOf(kind, times) };
  const failed = report.recipients.find((r) => r.state === "failed" && r.lastReply !== undefined);
  const isOld = report.recipients.some((recipient) => recipient.expired === true);
  const reason = isOld
    ? `Cannot send message for ${durationInWords(times.returnAfter)}`
    : failed === undefined
      ? subjectOf(kind, times)
      : nameOfFailure(failed);
  return { title: kind === "double-bounce" ? "postmaster notify" : isOld ? "sender notify" : "DSN", reason };
}

function nameOfFailure(recipient: QueueRecipient): string {
  return failureOf({
    ...recipient,
    reply: recipient.lastReply ?? { code: 550, enhanced: "5.0.0", text: "" },
  });
}
