/**
 * Writes batches to mailboxes: lock, limit, append, warning. It runs in the thread that mailbox-thread.ts starts, over synchronous
 * file calls, and in tests in the process itself, over any file system.
 */
import type { Clock } from "@mailhost/common/clock";
import { type FileSystem, nodeFileSystem } from "@mailhost/common/fs/file-system";
import type { Log } from "@mailhost/common/log/log";
import { appendMessages, type MboxMessage } from "@mailhost/common/mbox/append";
import { type AppendNotes, openAppendNotes } from "@mailhost/common/mbox/append-notes";
import { type LockedMailbox, lockMailbox } from "@mailhost/common/mbox/lock";
import { asMboxError, MboxError } from "@mailhost/common/mbox/mbox-error";
import type { Site } from "@mailhost/common/site";
import type { Letter, MailboxOrder, MailboxWriter } from "./mailbox-order.ts";
import { DELIVERED, deferred, outcomeOf } from "./mailbox-outcome.ts";
import { refusalsFor } from "./mailbox-quota.ts";
import type { Outcome } from "./outcome.ts";
import { forgetWarning, warnOwner } from "./quota-warning.ts";

/** What a writer works with. */
export interface WriterParts {
  readonly site: Pick<Site, "stateDir">;
  readonly clock: Clock;
  readonly log: Log;
  /** The machine's own by asynchronous calls, when absent. */
  readonly fileSystem?: FileSystem;
}

type OpenParts = Required<WriterParts> & { readonly notes: AppendNotes };

/** Makes a writer that works in this thread. */
export function createMailboxWriter(given: WriterParts): MailboxWriter {
  const { site, log } = given;
  const parts = { fileSystem: nodeFileSystem, ...given, notes: openAppendNotes(site, "appended", log) };
  return {
    write: (order, givePlaceUp) => writeOrder(order, parts, givePlaceUp),
    close() {
      parts.notes.close();
      return Promise.resolve();
    },
  };
}

async function writeOrder(
  order: MailboxOrder,
  parts: OpenParts,
  givePlaceUp: () => void,
): Promise<Outcome[]> {
  const all = (outcome: Outcome) => order.letters.map(() => outcome);
  try {
    const box = await lock(order, parts, givePlaceUp);
    if (box === undefined) return all(deferred("4.2.0", "mailbox cannot be made"));
    try {
      await giveToOwner(box, order.uid);
      return await appendWithin(box, order, parts);
    } finally {
      await box.release();
    }
  } catch (error) {
    return all(outcomeOf(error, parts.log));
  }
}

/** Locks a mailbox. One that somebody else has locked is waited for without keeping other mailboxes waiting. */
async function lock(
  { paths, lockTimeout: timeout }: MailboxOrder,
  { clock, log, fileSystem }: OpenParts,
  givePlaceUp: () => void,
): Promise<LockedMailbox | undefined> {
  const lockWithin = (within: number) =>
    lockMailbox(paths, { clock, log, fileSystem, create: true, timeout: within });
  try {
    return await lockWithin(0);
  } catch (error) {
    if (!(error instanceof MboxError && error.fault === "busy")) throw error;
  }
  givePlaceUp();
  return lockWithin(timeout);
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
  { letters, limit }: MailboxOrder,
  parts: OpenParts,
): Promise<Outcome[]> {
  if (limit === undefined) return append(box, letters, parts);
  const { site, clock } = parts;
  const warning = { site, clock, quota: limit };
  await forgetWarning(box, limit.octets, warning);
  const messages = letters.map((letter) => ({ ...mboxMessage(letter), size: letter.body.size }));
  const refusals = await refusalsFor(box, messages, limit.octets, limit.isCertain ? limit.action : "wait");
  const fitting = letters.filter((_, i) => refusals[i] === undefined);
  const written = (await append(box, fitting, parts)).values();
  const outcomes = refusals.map((refusal) => refusal ?? written.next().value!);
  if (limit.isCertain) await warnOwner(box, limit.octets, warning);
  return outcomes;
}

/** A letter as the mbox takes it. */
function mboxMessage({ sender, receivedAt, note, body }: Letter): MboxMessage {
  return { sender, receivedAt, note, whole: () => body.whole(), stream: () => body.stream() };
}

/**
 * Appends all messages, or says of each why not. One that cannot be read or does not fit must not keep the others out:
 * they are tried in halves.
 */
async function append(
  box: LockedMailbox,
  letters: readonly Letter[],
  parts: Pick<OpenParts, "notes" | "log">,
): Promise<Outcome[]> {
  try {
    await appendMessages(box, letters.map(mboxMessage), parts.notes);
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
