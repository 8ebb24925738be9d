/**
 * The local mailer: appends messages to the mailboxes of `var/spool/mail`.
 *
 * While one batch of a mailbox is being written, what arrives for it gathers and makes the next batch: one lock and one
 * fdatasync for all of it. Mailboxes do not wait for each other. Whatever keeps a message out of its mailbox is temporary;
 * only an account that no longer exists is not, and what goes past a mailbox's limit where the settings say so.
 */
import { AccountsUnavailable } from "@mailhost/common/accounts/account-errors";
import type { Accounts } from "@mailhost/common/accounts/accounts";
import type { Clock } from "@mailhost/common/clock";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { appendMessages, type MboxMessage } from "@mailhost/common/mbox/append";
import { type AppendNotes, openAppendNotes } from "@mailhost/common/mbox/append-notes";
import { type LockedMailbox, lockMailbox } from "@mailhost/common/mbox/lock";
import { type MailboxPaths, mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { asMboxError, MboxError, type MboxFault } from "@mailhost/common/mbox/mbox-error";
import type { Site } from "@mailhost/common/site";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { MessageBody } from "../queue/queue-store.ts";
import { type Batch, MailboxBatches } from "./mailbox-batches.ts";
import { type MailboxQuota, refusalsFor } from "./mailbox-quota.ts";
import type { Attempt, Mailer } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import { forgetWarning, warnOwner } from "./quota-warning.ts";
import { letterName, mailboxPlace } from "./without-repeats.ts";

/** What the mailer works with. */
export interface LocalMailerParts {
  readonly site: Site;
  readonly accounts: Pick<Accounts, "lookUp">;
  /** How long another program's lock is waited for (ms). */
  readonly lockTimeout: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Absent: mailboxes have no limit. */
  readonly quota?: MailboxQuota;
}

/** One message for one mailbox. */
interface Letter {
  readonly entry: Pick<QueueEntry, "id" | "receivedAt">;
  /** Envelope sender: the message's, or the owner of the list that led here. */
  readonly sender: string;
  readonly body: MessageBody;
}

const MAILER = "local";

/** Makes the mailer. */
export function createLocalMailer(given: LocalMailerParts): Mailer {
  const notes = openAppendNotes(given.site, "appended", given.log);
  const parts = { ...given, notes };
  const batches = new MailboxBatches<Letter, Outcome>({
    write: (batch, givePlaceUp) => writeBatch(batch, parts, givePlaceUp),
    sizeOf: (letter) => letter.body.size,
  });
  return {
    name: MAILER,
    deliver: (attempt) => deliver(attempt, batches),
    async close() {
      await batches.idle();
      notes.close();
    },
  };
}

/** The mailer's parts and where it notes what it has written. */
interface BatchWriterParts extends LocalMailerParts {
  readonly notes: AppendNotes;
}

/** Two recipients that end in one mailbox get one copy. */
async function deliver(attempt: Attempt, batches: MailboxBatches<Letter, Outcome>): Promise<Outcome[]> {
  const { entry, body } = attempt;
  const copies = new Map<string, Promise<Outcome>>();
  const outcomes = attempt.recipients.map((recipient) => {
    if (recipient.target.kind === "error") {
      return Promise.resolve<Outcome>({ kind: "failed", relay: "", reply: recipient.target.reply });
    }
    if (recipient.target.kind !== "mailbox") {
      return Promise.resolve(deferred("4.3.5", "not a local recipient"));
    }
    const { name } = recipient.target;
    const copy =
      copies.get(name) ?? batches.add(name, { entry, body, sender: recipient.sender ?? entry.sender });
    copies.set(name, copy);
    return copy;
  });
  return Promise.all(outcomes);
}

/** Writes a batch to its mailbox. Every message gets an outcome; nothing is thrown. */
async function writeBatch(
  batch: Batch<Letter>,
  parts: BatchWriterParts,
  givePlaceUp: () => void,
): Promise<Outcome[]> {
  const all = (outcome: Outcome) => batch.items.map(() => outcome);
  try {
    const account = await parts.accounts.lookUp(batch.name);
    if (account === undefined) return all(unknownUser());
    const { site } = parts;
    const box = await lock(mailboxPaths(site, batch.name), parts, givePlaceUp);
    if (box === undefined) return all(deferred("4.2.0", "mailbox cannot be made"));
    try {
      await giveToOwner(box, account.uid);
      return await appendWithin(box, batch.items, parts);
    } finally {
      await box.release();
    }
  } catch (error) {
    if (error instanceof AccountsUnavailable)
      return all(deferred("4.3.0", "accounts can not be looked up now"));
    return all(outcomeOf(error, parts.log));
  }
}

/** Locks a mailbox. One that somebody else has locked is waited for without keeping other mailboxes waiting. */
async function lock(
  paths: MailboxPaths,
  { clock, log, lockTimeout: timeout }: LocalMailerParts,
  givePlaceUp: () => void,
): Promise<LockedMailbox | undefined> {
  const options = { clock, log, create: true };
  try {
    return await lockMailbox(paths, { ...options, timeout: 0 });
  } catch (error) {
    if (!(error instanceof MboxError && error.fault === "busy")) throw error;
  }
  givePlaceUp();
  return lockMailbox(paths, { ...options, timeout });
}

/** A mailbox that root has just made for a system account is the account's. */
async function giveToOwner(box: LockedMailbox, uid: number | undefined): Promise<void> {
  if (uid === undefined || process.geteuid?.() !== 0) return;
  const found = await box.file.stat();
  if (found.size === 0 && found.uid !== uid) await box.file.chown(uid, found.gid);
}

/** Appends what the mailbox has room for. */
async function appendWithin(
  box: LockedMailbox,
  letters: readonly Letter[],
  writer: BatchWriterParts,
): Promise<Outcome[]> {
  const { site, quota, clock } = writer;
  const limit = quota?.limitOf(box.paths.name) ?? 0;
  if (quota === undefined || limit === 0) return append(box, letters, writer);
  const parts = { site, quota, clock };
  const certain = quota.isCertain?.() ?? true;
  await forgetWarning(box, limit, parts);
  const messages = letters.map((letter) => ({ ...mboxMessage(box)(letter), size: letter.body.size }));
  const refusals = await refusalsFor(box, messages, limit, certain ? quota.action : "wait");
  const fitting = letters.filter((_, i) => refusals[i] === undefined);
  const written = (await append(box, fitting, writer)).values();
  const outcomes = refusals.map((refusal) => refusal ?? written.next().value!);
  if (certain) await warnOwner(box, limit, parts);
  return outcomes;
}

/** A letter as the mbox takes it. */
function mboxMessage(box: LockedMailbox): (letter: Letter) => MboxMessage {
  const place = mailboxPlace(box.paths.name);
  return ({ entry, body, sender }) => ({
    sender,
    receivedAt: entry.receivedAt,
    note: letterName(entry, place),
    stream: () => body.stream(),
  });
}

/**
 * Appends all messages, or says of each why not. One that cannot be read or does not fit must not keep the others out:
 * they are tried in halves.
 */
async function append(
  box: LockedMailbox,
  letters: readonly Letter[],
  parts: Pick<BatchWriterParts, "notes" | "log">,
): Promise<Outcome[]> {
  try {
    await appendMessages(box, letters.map(mboxMessage(box)), parts.notes);
    return letters.map(() => DELIVERED);
  } catch (error) {
    const { fault } = asMboxError(box.paths.mbox, error);
    const isOneMessages = fault === "io" || fault === "too-large";
    if (letters.length === 1 || !isOneMessages) {
      const outcome = outcomeOf(error, parts.log);
      return letters.map(() => outcome);
    }
    const half = letters.length >> 1;
    return [
      ...(await append(box, letters.slice(0, half), parts)),
      ...(await append(box, letters.slice(half), parts)),
    ];
  }
}

const DELIVERED: Outcome = {
  kind: "delivered",
  relay: MAILER,
  reply: { code: 250, enhanced: "2.0.0", text: "Sent" },
  dsnRelayed: false,
};

/** Enhanced codes of RFC 3463 and what the sender is told; the log gets the details. */
const FAULT_REPLIES: Readonly<Record<MboxFault, readonly [enhanced: string, text: string]>> = {
  busy: ["4.2.0", "mailbox is locked by another program"],
  quota: ["4.2.2", "mailbox is full"],
  "no-space": ["4.3.1", "insufficient disk space"],
  "too-large": ["4.3.1", "mailbox is as large as the system allows"],
  permission: ["4.3.0", "mailbox cannot be written"],
  "not-a-file": ["4.2.0", "mailbox is not a plain file"],
  io: ["4.3.0", "mailbox cannot be written"],
};

function outcomeOf(error: unknown, log: Log): Outcome {
  const { fault, message } = asMboxError("mailbox", error);
  log.write(fault === "busy" ? "warn" : "error", `local delivery: ${messageOf(error) || message}`);
  return deferred(...FAULT_REPLIES[fault]);
}

function deferred(enhanced: string, text: string): Outcome {
  const code = enhanced === "4.2.2" || enhanced === "4.3.1" ? 452 : 451;
  return { kind: "deferred", relay: MAILER, reply: { code, enhanced, text } };
}

function unknownUser(): Outcome {
  const reply: SmtpReply = { code: 550, enhanced: "5.1.1", text: "User unknown" };
  return { kind: "failed", relay: MAILER, reply };
}
