/**
 * From what became of recipients to the reports that are enqueued in the same commit.
 */
import { splitAddress } from "@mailhost/common/address";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { composeDsn } from "../bounce/dsn.ts";
import { subjectOf } from "../bounce/dsn-text.ts";
import { decideReports, type Report, type ReportKind, type Settled } from "../bounce/report.ts";
import { failureOf, logReport, logReportDropped, type ReportTitle } from "../log/message-log.ts";
import type { NewMessage, QueueEntry, Target } from "./queue-entry.ts";
import type { MessageBody } from "./queue-store.ts";
import type { QueueTimes } from "./schedule.ts";

/**
 * Where mail for an address goes: our own mailboxes after aliases, or another host. Empty when nobody takes it. The
 * sender of a message may be one of us, so reports need it as much as recipients do.
 */
export type ResolveAddress = (
  address: string,
) => Promise<readonly { readonly address: string; readonly target: Target }[]>;

/** What reports are made with. */
export interface ReportingParts {
  readonly resolve: ResolveAddress;
  readonly hostname: string;
  readonly times: QueueTimes;
  readonly log: Log;
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
  const { reports, dropped } = decideReports(entry, settled);
  for (const recipient of dropped) {
    const reason = recipient.lastReply === undefined ? "" : `: ${failureOf(recipient.lastReply)}`;
    logReportDropped(parts.log, entry.id, `report to <${recipient.address}> cannot be delivered${reason}`);
  }
  const written: WrittenReport[] = [];
  for (const report of reports) {
    const one = await writeReport(report, entry, body, now, parts);
    if (one !== undefined) written.push(one);
  }
  return written;
}

async function writeReport(
  report: Report,
  entry: QueueEntry,
  body: MessageBody,
  now: number,
  parts: ReportingParts,
): Promise<WrittenReport | undefined> {
  const { hostname, times, log } = parts;
  try {
    const recipients = await parts.resolve(report.to);
    if (recipients.length === 0) {
      logReportDropped(log, entry.id, `nobody takes the report to <${report.to}>`);
      return undefined;
    }
    const readable = await readableOr(body, log, entry.id);
    const dsn = await composeDsn({ report, entry, body: readable, recipients, hostname, times, now });
    return { ...dsn, title: TITLES[report.kind], reason: reasonOf(report, times) };
  } catch (error) {
    // A message must be able to leave the queue even where its report cannot be written.
    log.write("error", `${entry.id}: SYSERR(report): ${messageOf(error)}`);
    return undefined;
  }
}

/** The body, or an empty one when it cannot be read: the report goes all the same. */
async function readableOr(body: MessageBody, log: Log, id: string): Promise<MessageBody> {
  try {
    for await (const _ of body.stream()) break;
    return body;
  } catch (error) {
    log.write("error", `${id}: SYSERR(report): message cannot be read: ${messageOf(error)}`);
    return { size: 0, stream: () => (async function* () {})() };
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

const TITLES: Readonly<Record<ReportKind, ReportTitle>> = {
  failure: "DSN",
  success: "DSN",
  delay: "sender notify",
  "double-bounce": "postmaster notify",
};

function reasonOf(report: Report, times: QueueTimes): string {
  if (report.kind === "delay" || report.kind === "success") return subjectOf(report.kind, times);
  const reply = report.recipients.find((recipient) => recipient.lastReply !== undefined)?.lastReply;
  return reply === undefined ? subjectOf(report.kind, times) : failureOf(reply);
}
