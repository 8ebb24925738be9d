/**
 * `sendmail` with a message on standard input: the message goes into the queue of the site, on stable storage before the
 * program exits with 0. A running daemon is told; without one the message waits for the next start.
 */
import { openAccounts } from "@mailhost/common/accounts/accounts";
import { domainKey, splitAddress } from "@mailhost/common/address";
import type { Clock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import {
  EX_DATAERR,
  EX_NOUSER,
  EX_OK,
  EX_TEMPFAIL,
  EX_UNAVAILABLE,
  EX_USAGE,
} from "@mailhost/common/sysexits";
import { openSiteTables, type SiteTables } from "@mailhost/common/tables/site-tables";
import { submissionFields } from "../inbound/data.ts";
import { type HeaderSummary, messageIdOf } from "../inbound/header-filter.ts";
import { recipientParts } from "../inbound/inbound-parts.ts";
import { readMailParameters, readRecipientParameters } from "../inbound/mail-parameters.ts";
import { readPathCommand } from "../inbound/path-command.ts";
import { takeMessage } from "../inbound/receive-message.ts";
import { localReceivedHeader } from "../inbound/received-header.ts";
import { type AcceptedRecipient, queueRecipients } from "../inbound/transaction.ts";
import { logAccepted } from "../log/message-log.ts";
import { interfaceAddresses } from "../policy/local-domains.ts";
import { formatReply } from "../policy/reply.ts";
import { openQueue } from "../queue/lmdb-store.ts";
import { resolveRecipient } from "../recipients/resolve.ts";
import { BLIND_FIELDS, headerRecipients, RECIPIENT_FIELDS } from "./header-recipients.ts";
import type { SendmailFlags } from "./sendmail-flags.ts";
import { stdinMessage } from "./stdin-message.ts";

/** Who calls, and with what. */
export interface Submission {
  readonly site: Site;
  readonly flags: SendmailFlags;
  readonly input: AsyncIterable<Buffer>;
  /** The user who runs the program. */
  readonly user: string;
  readonly log: Log;
  readonly clock: Clock;
  /** A line for standard error. */
  readonly complain: (line: string) => void;
}

/** Submits the message. @returns the exit code (sysexits) */
export async function submitMessage(submission: Submission): Promise<number> {
  const { site, flags, clock, log, complain } = submission;
  const settings = loadSettings(site);
  const sender = senderOf(submission, settings);
  const parameters = readMailParameters(dsnParameters(flags), settings.smtp.maxMessageSize);
  if (!parameters.ok) return complained(complain, parameters.reply, EX_USAGE);
  if (flags.recipients.length === 0 && !flags.recipientsInHeader) {
    complain("Recipient names must be specified");
    return EX_USAGE;
  }
  const tables = openSiteTables(site, { log, settings });
  const queue = await openQueue(site, { clock, log });
  try {
    const taken = await takeMessage(
      stdinMessage(submission.input, flags.ignoreDots),
      intakeOf(submission, settings, sender, queue.store),
    );
    if (taken.kind === "refused") return complained(complain, taken.reply, exitCodeOf(taken.reply));
    const { writer, seen } = taken;
    const recipients = await recipientsOf(submission, settings, tables, seen);
    if (typeof recipients === "number") {
      await writer.abort();
      return recipients;
    }
    const entry = await writer.commit({
      ...parameters.value,
      sender,
      recipients: queueRecipients(recipients),
      origin: { ip: "127.0.0.1", hostname: "localhost", helo: "", protocol: "local", user: submission.user },
      messageId: messageIdOf(seen) ?? `<${writer.id}@${settings.hostname}>`,
    });
    logAccepted(log, entry);
    if (flags.verbose) complain(`${entry.id}: ${entry.recipients.length} recipient(s), queued`);
  } finally {
    await queue.store.close();
    await tables.close();
  }
  await wakeDaemon(site, log);
  return EX_OK;
}

function complained(complain: (line: string) => void, reply: SmtpReply, code: number): number {
  complain(formatReply(reply));
  return code;
}

/** The envelope sender: -f, or the user at this host. */
function senderOf({ flags, user }: Submission, { hostname }: Settings): string {
  const given = flags.sender ?? user;
  return given === "" || splitAddress(given).domain !== "" ? given : `${given}@${hostname}`;
}

function dsnParameters(flags: SendmailFlags): Map<string, string> {
  const parameters = new Map<string, string>();
  if (flags.dsnReturn !== undefined) parameters.set("RET", flags.dsnReturn);
  if (flags.envelopeId !== undefined) parameters.set("ENVID", flags.envelopeId);
  // What comes by a pipe is 8-bit clean, whether it says so or not.
  parameters.set("BODY", flags.bodyType ?? "8BITMIME");
  return parameters;
}

function intakeOf(
  { flags, user, clock }: Submission,
  settings: Settings,
  sender: string,
  store: Parameters<typeof takeMessage>[1]["store"],
) {
  const { hostname, smtp } = settings;
  const only = flags.recipients.length === 1 && !flags.recipientsInHeader ? flags.recipients[0] : undefined;
  const from = fromField(flags.fullName, sender === "" ? `MAILER-DAEMON@${hostname}` : sender);
  return {
    store,
    maxSize: smtp.maxMessageSize,
    maxHops: smtp.maxHops,
    trace: (id: string) =>
      localReceivedHeader({
        user,
        hostname,
        id,
        ...(only === undefined || /\p{Cc}/u.test(only) ? {} : { recipient: only }),
        now: clock.now(),
      }),
    header: (id: string) => {
      const dated = submissionFields(hostname, id, clock.now());
      return {
        drop: BLIND_FIELDS,
        keep: new Set([...RECIPIENT_FIELDS, "message-id"]),
        missing: (seen: HeaderSummary) => dated(seen) + (seen.names.has("from") ? "" : from),
      };
    },
  };
}

function fromField(fullName: string | undefined, address: string): string {
  const name = fullName?.replace(/\p{Cc}/gu, " ").trim();
  const phrase = name === undefined || name === "" ? "" : `"${name.replace(/["\\]/g, "\\$&")}" `;
  return `From: ${phrase}<${address.replace(/\p{Cc}/gu, "")}>\r\n`;
}

/** The recipients, or the exit code when there are none to send to. */
async function recipientsOf(
  { site, flags, complain }: Submission,
  settings: Settings,
  tables: SiteTables,
  seen: HeaderSummary,
): Promise<AcceptedRecipient[] | number> {
  if (flags.recipientsInHeader && seen.overflow) {
    complain("the recipients in the header are more than 64 KiB");
    return EX_DATAERR;
  }
  const written = [...flags.recipients, ...(flags.recipientsInHeader ? await headerRecipients(seen) : [])];
  if (written.length === 0) {
    complain("No recipient addresses found in header");
    return EX_USAGE;
  }
  const parameters = readRecipientParameters(
    new Map(flags.notify === undefined ? [] : [["NOTIFY", flags.notify]]),
  );
  if (!parameters.ok) return complained(complain, parameters.reply, EX_USAGE);
  const accepted: AcceptedRecipient[] = [];
  const unknown: AcceptedRecipient[] = [];
  for (const address of written) {
    const result = await resolveWritten(address, site, settings, tables);
    if (result.kind === "targets") {
      accepted.push({ address: result.address, resolved: result.recipients, parameters: parameters.value });
      continue;
    }
    complain(formatReply(result.reply));
    // With somebody else to send to, the sender gets a report for this one.
    if (result.local !== undefined) {
      const target = { kind: "mailbox", name: result.local } as const;
      unknown.push({ address, resolved: [{ address, target }], parameters: parameters.value });
    }
  }
  return accepted.length === 0 ? EX_NOUSER : [...accepted, ...unknown];
}

type Written =
  | { readonly kind: "targets"; readonly address: string; readonly recipients: AcceptedRecipient["resolved"] }
  | { readonly kind: "refused"; readonly reply: SmtpReply; readonly local?: string };

/** Resolves an address as a user wrote it. */
export async function resolveWritten(
  written: string,
  site: Site,
  settings: Settings,
  tables: SiteTables,
): Promise<Written> {
  const path = readPathCommand("TO", `TO:<${written.replace(/^<(.*)>$/, "$1")}>`);
  if (!path.ok) return { kind: "refused", reply: path.reply };
  const { address } = path.value;
  const parts = recipientParts({
    settings: () => settings,
    tables,
    accounts: () => openAccounts(site, settings.accounts),
    ownAddresses: interfaceAddresses,
  });
  const resolved = await resolveRecipient(address, parts);
  if (resolved.kind === "targets") return { kind: "targets", address, recipients: resolved.recipients };
  const { localPart, domain } = splitAddress(address);
  const local = domain === "" || parts.isLocalDomain(domainKey(domain));
  return { kind: "refused", reply: resolved.reply, ...(local ? { local: localPart } : {}) };
}

/** The message is safe whether or not the daemon hears of it now: it looks at the queue by itself too. */
async function wakeDaemon(site: Site, log: Log): Promise<void> {
  try {
    await sendControl(site, "wake");
  } catch (error) {
    log.write("warn", `the daemon was not told of a new message: ${messageOf(error)}`);
  }
}

function exitCodeOf(reply: SmtpReply): number {
  if (reply.code < 500) return EX_TEMPFAIL;
  return reply.code === 552 ? EX_UNAVAILABLE : EX_DATAERR;
}
