/**
 * The UPDATE state (RFC 1939 section 6): takes the deleted messages out of the mbox, under its lock.
 *
 * The mbox is looked at again first. Mail that arrived stays; if another program rewrote the file, the messages are
 * found by their ids, and one that can not be told from a twin stays too. The index is carried along, so that the next login
 * does not have to read the mailbox.
 */
import { messageOf } from "@mailhost/common/errors";
import type { LockedMailbox } from "@mailhost/common/mbox/lock";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import type { ByteRange } from "@mailhost/common/mbox/remove";
import { removeMessages } from "@mailhost/common/mbox/remove";
import { fingerprint } from "./fingerprint.ts";
import type { MailboxIndex } from "./mailbox-index.ts";
import { identityOf } from "./mailbox-index.ts";
import type { Maildrop } from "./maildrop.ts";
import { MessageTable, MessageTableBuilder } from "./message-table.ts";
import type { MaildropContext } from "./open.ts";
import { type Refreshed, refreshIndex } from "./refresh.ts";

/** How the update went; `reason` is for the log. */
export type Updated = { readonly kind: "done" } | { readonly kind: "failed"; readonly reason: string };

/** Removes what the session deleted. After a failure nothing is removed, or all of it by whoever opens it next. */
export async function updateMaildrop(context: MaildropContext, drop: Maildrop): Promise<Updated> {
  if (drop.deletedCount === 0) return { kind: "done" };
  const { clock, log, lockTimeout: timeout } = context;
  try {
    const box = await lockMailbox(drop.paths, { timeout, clock, log });
    // Another program took the mailbox away; what was to be deleted went with it.
    if (box === undefined) return { kind: "done" };
    try {
      const refreshed = await refreshIndex(box.file, drop.index);
      await remove(context, box, refreshed, messagesToRemove(drop, refreshed));
    } finally {
      await box.release();
    }
    return { kind: "done" };
  } catch (error) {
    return { kind: "failed", reason: messageOf(error) };
  }
}

/** The ids to remove, as far as they certainly mean the messages that the session saw. */
function messagesToRemove(drop: Maildrop, { index, how }: Refreshed): Set<string> {
  const deleted = drop.deleted();
  if (how !== "scanned") return new Set(deleted.map((m) => m.uid));
  const before = countByDigest(drop.index?.messages ?? MessageTable.EMPTY);
  const now = countByDigest(index.messages);
  return new Set(deleted.filter((m) => before.get(m.digest) === now.get(m.digest)).map((m) => m.uid));
}

function countByDigest(messages: MessageTable): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { digest } of messages) counts.set(digest, (counts.get(digest) ?? 0) + 1);
  return counts;
}

async function remove(
  { store, log }: MaildropContext,
  box: LockedMailbox,
  { index, unchanged }: Refreshed,
  uids: ReadonlySet<string>,
): Promise<void> {
  const { name } = box.paths;
  const { ranges, survivors, first } = plan(index, uids);
  if (ranges.length === 0) {
    await store.write(name, index, unchanged);
    return;
  }
  await removeMessages(box, ranges);
  const identity = await identityOf(box.file);
  const removed = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  if (identity.size !== index.identity.size - removed) {
    log.write("warn", `${box.paths.mbox}: was written to by a program that does not heed the lock`);
    return;
  }
  const sum = await fingerprint(box.file, identity.size, survivors);
  const after: MailboxIndex = { identity, fingerprint: sum, messages: survivors };
  await store.write(name, after, Math.min(unchanged, first));
}

interface Plan {
  /** Sorted and disjoint, neighbours joined. */
  readonly ranges: ByteRange[];
  /** What stays, where it will be. */
  readonly survivors: MessageTable;
  /** So many messages before the first that goes. */
  readonly first: number;
}

function plan({ messages, identity }: MailboxIndex, uids: ReadonlySet<string>): Plan {
  const ranges: { start: number; end: number }[] = [];
  const survivors = new MessageTableBuilder();
  let first = messages.count;
  let gone = 0;
  /** First of the messages that stay and were not put down yet. */
  let staying = 0;
  for (let i = 0; i < messages.count; i++) {
    if (!uids.has(messages.uid(i))) continue;
    survivors.copy(messages, staying, i, -gone);
    staying = i + 1;
    first = Math.min(first, i);
    const start = messages.start(i)!;
    const end = messages.start(i + 1) ?? identity.size;
    const last = ranges[ranges.length - 1];
    if (last?.end === start) last.end = end;
    else ranges.push({ start, end });
    gone += end - start;
  }
  survivors.copy(messages, staying, messages.count, -gone);
  return { ranges, survivors: survivors.build(), first };
}
