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
  /** Indexes of the messages that go, in their order. */
  readonly removed: readonly number[];
}

/**
 * Plans the removal of messages.
 *
 * @param removed their indexes, from 0, in their order
 */
export function planRemoval({ messages, identity }: MailboxIndex, removed: readonly number[]): RemovalPlan {
  const ranges: { start: number; end: number }[] = [];
  for (const i of removed) {
    const start = messages.start(i)!;
    const end = messages.start(i + 1) ?? identity.size;
    const last = ranges[ranges.length - 1];
    if (last?.end === start) last.end = end;
    else ranges.push({ start, end });
  }
  return { ranges, removed };
}

/** What stays, where it will be. Left until the client has its reply: it takes as long as the rest together. */
export function survivorsOf({ messages, identity }: MailboxIndex, { removed }: RemovalPlan): MessageTable {
  const survivors = new MessageTableBuilder();
  let gone = 0;
  /** First of the messages that stay and were not put down yet. */
  let staying = 0;
  for (const i of removed) {
    if (staying < i) survivors.copy(messages, staying, i, -gone);
    staying = i + 1;
    gone += (messages.start(i + 1) ?? identity.size) - messages.start(i)!;
  }
  survivors.copy(messages, staying, messages.count, -gone);
  return survivors.build();
}

/** Bytes that a removal moves. */
export function bytesMoved({ ranges }: RemovalPlan, { identity }: MailboxIndex): number {
  const first = ranges[0];
  if (first === undefined) return 0;
  return identity.size - first.start - ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}
