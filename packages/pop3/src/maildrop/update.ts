/**
 * The UPDATE state (RFC 1939 section 6): takes the deleted messages out of the mbox, under its lock.
 *
 * The mbox is looked at again first. Mail that arrived stays; if another program rewrote the file, the messages are
 * found by their ids, and one that can not be told from a twin stays too. The index is carried along, so that the next login
 * does not have to read the mailbox.
 *
 * A removal that has much to move is promised once its plan is on stable storage, and carried out behind the reply with
 * the mbox still locked: who logs in meanwhile, or delivers, waits for the lock as for any other.
 */
import { messageOf } from "@mailhost/common/errors";
import { nodeFileSystem } from "@mailhost/common/fs/file-system";
import { journalIsEmpty } from "@mailhost/common/mbox/journal";
import { type LockedMailbox, lockMailbox } from "@mailhost/common/mbox/lock";
import { asMboxError } from "@mailhost/common/mbox/mbox-error";
import { beginRemoval } from "@mailhost/common/mbox/remove";
import { LARGE_MOVE, type Move } from "./background-moves.ts";
import { fingerprint } from "./fingerprint.ts";
import { identityOf, type MailboxIndex } from "./mailbox-index.ts";
import type { Maildrop } from "./maildrop.ts";
import { MessageTable } from "./message-table.ts";
import type { MaildropContext } from "./open.ts";
import { type Refreshed, refreshIndex } from "./refresh.ts";
import { bytesMoved, planRemoval, type RemovalPlan, survivorsOf } from "./removal-plan.ts";
import { keepRemoved } from "./removed-messages.ts";
import { writeStatusFields } from "./status-fields.ts";

/** How the update went; `reason` is for the log. */
export type Updated = { readonly kind: "done" } | { readonly kind: "failed"; readonly reason: string };

/** What else an update does, as the settings say. */
export interface UpdateWishes {
  /** `pop3.keepRemoved`, ms: what is removed is copied first when it is not 0. */
  readonly keepRemoved: number;
  /** `pop3.updateStatusHeaders`. */
  readonly updateStatusHeaders: boolean;
}

/** An update in hand: the lock is held. */
interface Update {
  readonly context: MaildropContext;
  readonly box: LockedMailbox;
  readonly refreshed: Refreshed;
  readonly plan: RemovalPlan;
  /** Ids of messages that were retrieved, when status fields are to be written. */
  readonly statuses: ReadonlySet<string> | undefined;
}

/** Removes what the session deleted. After a failure nothing is removed, or all of it by whoever opens it next. */
export async function updateMaildrop(
  context: MaildropContext,
  drop: Maildrop,
  wishes: UpdateWishes,
): Promise<Updated> {
  const statuses =
    wishes.updateStatusHeaders && drop.deletedCount + drop.retrieved.size > 0 ? drop.retrieved : undefined;
  if (drop.deletedCount === 0 && statuses === undefined) return { kind: "done" };
  const { clock, log, lockTimeout: timeout, fileSystem = nodeFileSystem } = context;
  const how = { timeout, clock, log, fileSystem };
  let box: LockedMailbox | undefined;
  try {
    box = await lockMailbox(drop.paths, how);
    // Another program took the mailbox away; what was to be deleted went with it.
    if (box === undefined) return { kind: "done" };
    const refreshed = await refreshIndex(box.file, drop.index);
    const plan = planRemoval(refreshed.index, messagesToRemove(drop, refreshed));
    const finish = await begin({ context, box, refreshed, plan, statuses }, wishes.keepRemoved > 0);
    const held = box;
    let isHalfDone = false;
    const run = async () => {
      try {
        await finish();
      } finally {
        // Asked while the lock is held: behind it, what the journal says may be a delivery's.
        isHalfDone = await isUnfinished(held);
        await held.release();
      }
    };
    box = undefined;
    const large = bytesMoved(plan, refreshed.index) > LARGE_MOVE;
    const again = async () => await (await lockMailbox(drop.paths, how))?.release();
    const move = { mbox: drop.paths.mbox, run, again };
    const behind = large && context.moves?.start(move) === true;
    if (!behind) await runNow(move, context, () => isHalfDone);
    return { kind: "done" };
  } catch (error) {
    return { kind: "failed", reason: messageOf(error) };
  } finally {
    await box?.release();
  }
}

/** Carries a removal out before the reply; a change that fails half way is not left to the next login. */
async function runNow(move: Move, { moves }: MaildropContext, isHalfDone: () => boolean) {
  const failure = await move.run().then(
    () => undefined,
    (error: unknown) => asMboxError(move.mbox, error),
  );
  if (isHalfDone()) moves?.later(move, failure ?? new Error("status fields are half written"));
  if (failure !== undefined) throw failure;
}

/** Whether the journal of a mailbox that we hold still speaks of a change; where it cannot be asked, that is to be feared. */
async function isUnfinished({ fileSystem, paths }: LockedMailbox): Promise<boolean> {
  try {
    return !(await journalIsEmpty(fileSystem, paths.journal));
  } catch {
    return true;
  }
}

/** Indexes of the messages to remove, as far as they certainly are the ones that the session saw; in their order. */
function messagesToRemove(drop: Maildrop, { index, how }: Refreshed): number[] {
  // What was there at login stands at its number still.
  if (how !== "scanned") return drop.deletedNumbers().map((number) => number - 1);
  const before = countByDigest(drop.index?.messages ?? MessageTable.EMPTY);
  const now = countByDigest(index.messages);
  const uids = new Set<string>();
  for (const { digest, uid } of drop.deleted()) if (before.get(digest) === now.get(digest)) uids.add(uid);
  const found: number[] = [];
  for (let i = 0; i < index.messages.count; i++) if (uids.has(index.messages.uid(i))) found.push(i);
  return found;
}

function countByDigest(messages: MessageTable): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { digest } of messages) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  return counts;
}

/**
 * Copies what goes, when that is wished, and brings the plan to stable storage.
 *
 * @returns what is left to do
 */
async function begin(update: Update, keep: boolean): Promise<() => Promise<void>> {
  const { context, box, refreshed, plan } = update;
  const kept =
    keep && plan.removed.length > 0
      ? await keepRemoved(context, box, refreshed.index, plan.removed)
      : undefined;
  try {
    const removal = await beginRemoval(box, plan.ranges);
    return async () => {
      await removal.finish();
      await carryIndexAlong(update);
    };
  } catch (error) {
    // Where nothing was removed there is nothing to bring back.
    if (await isAsItWas(box, refreshed)) await kept?.discard();
    throw error;
  }
}

/** Whether a removal that failed has left the mailbox alone, and nobody will carry it out: a sync can fail behind the cut. */
async function isAsItWas({ file, fileSystem, paths }: LockedMailbox, { index }: Refreshed): Promise<boolean> {
  try {
    const { size } = await file.stat();
    return size >= index.identity.size && (await journalIsEmpty(fileSystem, paths.journal));
  } catch {
    // The disk fails altogether; a copy too many does no harm.
    return false;
  }
}

async function carryIndexAlong({ context, box, refreshed, plan, statuses }: Update): Promise<void> {
  const { store, log } = context;
  const { index, unchanged } = refreshed;
  const { name, mbox } = box.paths;
  const identity = await identityOf(box.file);
  const removed = plan.ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  if (identity.size !== index.identity.size - removed) {
    log.write("warn", `${mbox}: was written to by a program that does not heed the lock`);
    return;
  }
  const messages = survivorsOf(index, plan);
  const sum = await fingerprint(box.file, identity.size, messages);
  let after: MailboxIndex = { ...index, identity, fingerprint: sum, messages };
  let same = Math.min(unchanged, plan.removed[0] ?? messages.count);
  if (statuses !== undefined) {
    const written = await writeStatusFields(box, after, statuses);
    if (written !== undefined) {
      after = written.index;
      same = Math.min(same, written.first);
    }
  }
  await store.write(name, after, same);
}
