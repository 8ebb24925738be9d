/**
 * Which bytes of an mbox go when messages do, and what its index is afterwards.
 */
import type { ByteRange } from "@mailhost/common/mbox/remove";
import type { MailboxIndex } from "./mailbox-index.ts";
import { type MessageTable, MessageTableBuilder } from "./message-table.ts";

/** What a removal does. */
export interface RemovalPlan {
  /** Sorted and disjoint, neighbours joined. */
  readonly ranges: readonly ByteRange[];
  /** What stays, where it will be. */
  readonly survivors: MessageTable;
  /** So many messages before the first that goes. */
  readonly first: number;
  /** Indexes of the messages that go. */
  readonly removed: readonly number[];
}

/** Plans the removal of the messages with these ids. */
export function planRemoval({ messages, identity }: MailboxIndex, uids: ReadonlySet<string>): RemovalPlan {
  const ranges: { start: number; end: number }[] = [];
  const removed: number[] = [];
  const survivors = new MessageTableBuilder();
  let first = messages.count;
  let gone = 0;
  /** First of the messages that stay and were not put down yet. */
  let staying = 0;
  for (let i = 0; i < messages.count && uids.size > 0; i++) {
    if (!uids.has(messages.uid(i))) continue;
    survivors.copy(messages, staying, i, -gone);
    staying = i + 1;
    removed.push(i);
    first = Math.min(first, i);
    const start = messages.start(i)!;
    const end = messages.start(i + 1) ?? identity.size;
    const last = ranges[ranges.length - 1];
    if (last?.end === start) last.end = end;
    else ranges.push({ start, end });
    gone += end - start;
  }
  survivors.copy(messages, staying, messages.count, -gone);
  return { ranges, survivors: survivors.build(), first, removed };
}

/** Bytes that a removal moves. */
export function bytesMoved({ ranges }: RemovalPlan, { identity }: MailboxIndex): number {
  const first = ranges[0];
  if (first === undefined) return 0;
  return identity.size - first.start - ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}
