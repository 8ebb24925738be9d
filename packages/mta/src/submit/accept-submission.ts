/**
 * A message that a local user submits, from the request and its content to the queue: the same for the `sendmail` command
 * that may write the queue itself and for the daemon, which takes what ordinary users left in the drop folder.
 */
import type { Clock } from "@mailhost/common/clock";
import type { SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { EX_DATAERR, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { messageIdOf } from "../inbound/header-filter.ts";
import { readMailParameters, readRecipientParameters } from "../inbound/mail-parameters.ts";
import { type Taken, takeMessage } from "../inbound/receive-message.ts";
import { type AcceptedRecipient, MOST_TARGETS, queueRecipients } from "../inbound/transaction.ts";
import { logAccepted, logOwners } from "../log/message-log.ts";
import { replyAbout } from "../policy/reply.ts";
import { unresolved } from "../queue/late-recipients.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { QueueStore } from "../queue/queue-store.ts";
import { headerRecipients } from "./header-recipients.ts";
import { refusalCode, refusalText } from "./refusal.ts";
import type { SubmissionRequest } from "./submission-request.ts";
import { senderOf, submittedHeader } from "./submitted-header.ts";
import { type AddressBook, resolveWritten, senderUserOf, type Written } from "./written-address.ts";

/** What accepts. */
export interface Acceptance {
  readonly book: AddressBook;
  readonly store: Pick<QueueStore, "receive">;
  readonly log: Log;
  readonly clock: Clock;
}

/** Who submits what. */
export interface Submission {
  readonly request: SubmissionRequest;
  /** CRLF line ends. */
  readonly content: AsyncIterable<Buffer>;
  /** The user, as the system knows it: nobody may claim to be another. */
  readonly user: string;
  /** The user's name in full, by the system. */
  readonly fullName?: string;
  /** Recipients that nobody can deliver to: told to the caller, who waits for it, or to the sender by a report. */
  readonly errorsTo: "caller" | "sender";
  /** The message itself was refused: each recipient is told of as undeliverable, and the content is its header alone. */
  readonly refusal?: SmtpReply;
  /** Name of the drop file, kept with the entry so that it is taken once. */
  readonly drop?: string;
}

/** What became of it. */
export interface Submitted {
  /** Absent: nothing was queued. */
  readonly entry?: QueueEntry;
  readonly exitCode: number;
  /** What to tell the caller, in Sendmail's words. */
  readonly complaints: readonly string[];
  /** Why the message itself was not taken. */
  readonly refusal?: SmtpReply;
}

/** Takes the message in. Resolves when it is on stable storage, or refused. */
export async function acceptSubmission(parts: Acceptance, submission: Submission): Promise<Submitted> {
  const { request } = submission;
  const { settings } = parts.book;
  const parameters = readMailParameters(mailParameters(request), settings.smtp.maxMessageSize);
  const each = readRecipientParameters(
    new Map(request.notify === undefined ? [] : [["NOTIFY", request.notify]]),
  );
  if (!parameters.ok) return refused(parameters.reply, EX_USAGE);
  if (!each.ok) return refused(each.reply, EX_USAGE);
  if (request.recipients.length === 0 && !request.fromHeader)
    return { exitCode: EX_USAGE, complaints: ["Recipient names must be specified"] };
  const sender = senderOf(submission, settings.hostname);
  const header = submittedHeader(submission, parts.book, sender, parts.clock);
  const taken = await takeMessage(submission.content, {
    store: parts.store,
    maxSize: submission.refusal === undefined ? settings.smtp.maxMessageSize : Number.POSITIVE_INFINITY,
    maxHops:
      submission.refusal === undefined
        ? Math.max(0, settings.smtp.maxHops - (request.hops ?? 0))
        : Number.POSITIVE_INFINITY,
    ...header,
  });
  if (taken.kind === "refused") return { ...refused(taken.reply), refusal: taken.reply };
  const { writer, seen } = taken;
  try {
    const found = await recipientsOf(parts, submission, taken);
    const recipients = queueRecipients(
      found.accepted.map((recipient) => ({ ...recipient, parameters: each.value })),
      sender,
    );
    if (recipients.length === 0) {
      await writer.abort();
      return { exitCode: found.exitCode, complaints: found.complaints };
    }
    const user = senderUserOf(sender, parts.book);
    const entry = await writer.commit({
      ...parameters.value,
      smtputf8: parameters.value.smtputf8 || [sender, ...recipients.map((r) => r.address)].some(isUtf8),
      sender,
      ...(user === undefined ? {} : { senderUser: user }),
      recipients,
      origin: { ip: "127.0.0.1", hostname: "localhost", helo: "", protocol: "local", user: submission.user },
      countedSize: taken.countedSize,
      messageId: messageIdOf(seen) ?? `<${writer.id}@${settings.hostname}>`,
      ...(request.quarantine === undefined ? {} : { quarantine: request.quarantine }),
      ...(submission.drop === undefined ? {} : { drop: submission.drop }),
    });
    logAccepted(parts.log, entry);
    logOwners(parts.log, entry, settings.hostname);
    return { entry, exitCode: found.exitCode, complaints: found.complaints };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

function refused(reply: SmtpReply, exitCode = refusalCode(reply)): Submitted {
  return { exitCode, complaints: [refusalText(reply)] };
}

function mailParameters(request: SubmissionRequest): Map<string, string> {
  const parameters = new Map<string, string>();
  if (request.dsnReturn !== undefined) parameters.set("RET", request.dsnReturn);
  if (request.envelopeId !== undefined) parameters.set("ENVID", request.envelopeId);
  if (request.smtputf8 === true) parameters.set("SMTPUTF8", "");
  // What comes by a pipe is 8-bit clean, whether it says so or not.
  parameters.set("BODY", request.bodyType ?? "8BITMIME");
  return parameters;
}

interface Found {
  readonly accepted: readonly Omit<AcceptedRecipient, "parameters">[];
  readonly exitCode: number;
  readonly complaints: readonly string[];
}

/** The recipients that can be delivered to; a report tells the sender of the others when nobody waits for the exit code. */
async function recipientsOf(
  { book }: Acceptance,
  { request, errorsTo, refusal }: Submission,
  { seen }: Extract<Taken, { kind: "stored" }>,
): Promise<Found> {
  if (request.fromHeader && seen.overflow)
    return {
      accepted: [],
      exitCode: EX_DATAERR,
      complaints: ["the recipients in the header are more than 64 KiB"],
    };
  const written = request.fromHeader
    ? withoutThose(headerRecipients(seen), request.recipients)
    : request.recipients;
  if (written.length === 0)
    return { accepted: [], exitCode: EX_DATAERR, complaints: ["No recipient addresses found in header"] };
  if (refusal !== undefined) {
    const target = { kind: "error", reply: refusal } as const;
    const told = written.map((address) => ({ address, resolved: [{ address, target }] }));
    return { accepted: told, exitCode: refusalCode(refusal), complaints: [refusalText(refusal)] };
  }
  const accepted: Omit<AcceptedRecipient, "parameters">[] = [];
  const complaints: string[] = [];
  let exitCode: number = EX_OK;
  let targets = 0;
  for (const address of written) {
    const result = targets < MOST_TARGETS ? await resolveWritten(address, book) : tooMany(address);
    if (result.kind === "targets") {
      accepted.push({ address: result.address, resolved: result.recipients });
      targets += result.recipients.length;
      continue;
    }
    if (result.reply.code < 500) {
      // It may be known later; whoever submits has done his part.
      accepted.push({ address, resolved: [{ address, target: unresolved(result.reply) }] });
      continue;
    }
    complaints.push(refusalText(result.reply));
    exitCode = refusalCode(result.reply);
    if (errorsTo === "sender") {
      const target = { kind: "error", reply: result.reply } as const;
      accepted.push({ address, resolved: [{ address, target }] });
    }
  }
  return { accepted, exitCode, complaints };
}

function tooMany(address: string): Extract<Written, { kind: "refused" }> {
  return { kind: "refused", reply: replyAbout(address, 550, "5.5.3", "Too many recipients") };
}

function withoutThose(addresses: readonly string[], excluded: readonly string[]): string[] {
  const out = new Set(excluded.map((address) => address.toLowerCase()));
  return addresses.filter((address) => !out.has(address.toLowerCase()));
}

function isUtf8(text: string): boolean {
  return /\P{ASCII}/u.test(text);
}
