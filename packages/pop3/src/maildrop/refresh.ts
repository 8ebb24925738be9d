/**
 * Brings a mailbox's index up to date with the file, reading no more of it than is needed.
 *
 * An index is believed when file, size, times and fingerprint all agree. When the file only grew, it is scanned from the last
 * message that the index knows (which may have been waiting for its end). In every other case it is scanned whole, and
 * messages keep their ids by their digests.
 */
import type { FileHandle } from "node:fs/promises";
import { scanMbox } from "@mailhost/common/mbox/scan";
import { fingerprint } from "./fingerprint.ts";
import type { IndexedMessage, MailboxIndex } from "./mailbox-index.ts";
import { identityOf, isSameFile, isUntouched } from "./mailbox-index.ts";
import { MessageTable, MessageTableBuilder } from "./message-table.ts";
import { assignUids } from "./uids.ts";

/** An index that agrees with the file, and how it came about. */
export interface Refreshed {
  readonly index: MailboxIndex;
  /** `kept`: as it was; `grown`: the end was scanned; `scanned`: the whole file was. */
  readonly how: "kept" | "grown" | "scanned";
  /** So many messages at the start are those of the index before, unchanged. */
  readonly unchanged: number;
}

/**
 * Makes the index of a file agree with it. The caller holds the mailbox's lock.
 *
 * @param before the index as last known, if any
 * @throws errors of the system
 */
export async function refreshIndex(file: FileHandle, before: MailboxIndex | undefined): Promise<Refreshed> {
  const identity = await identityOf(file);
  if (before !== undefined && isSameFile(before.identity, identity)) {
    const { size } = before.identity;
    if (isUntouched(before.identity, identity) && (await isIntact(file, before))) {
      return { index: before, how: "kept", unchanged: before.messages.count };
    }
    const grown = identity.size > size && before.messages.count > 0;
    if (grown && (await isIntact(file, before))) {
      const unchanged = before.messages.count - 1;
      const last = before.messages.last!;
      const kept = new MessageTableBuilder();
      kept.copy(before.messages, 0, unchanged);
      const taken = new Set<string>();
      for (let i = 0; i < unchanged; i++) taken.add(before.messages.uid(i));
      const end = await scan(file, last.start, identity.size, MessageTable.of([last]), taken);
      if (end[0]?.start === last.start) {
        for (const message of end) kept.add(message);
        const messages = kept.build();
        const sum = await fingerprint(file, identity.size, messages);
        return { index: { identity, fingerprint: sum, messages }, how: "grown", unchanged };
      }
    }
  }
  const messages = MessageTable.of(
    await scan(file, 0, identity.size, before?.messages ?? MessageTable.EMPTY, new Set()),
  );
  const sum = await fingerprint(file, identity.size, messages);
  return { index: { identity, fingerprint: sum, messages }, how: "scanned", unchanged: 0 };
}

/** Whether the part of the file that the index knows still looks as it did. */
export async function isIntact(file: FileHandle, index: MailboxIndex): Promise<boolean> {
  const { identity, messages } = index;
  return (await fingerprint(file, identity.size, messages)).equals(index.fingerprint);
}

/** Whether a scan of that part finds each message that the index knows, in its place. Reads all of it. */
export async function isUnchanged(file: FileHandle, { identity, messages }: MailboxIndex): Promise<boolean> {
  let number = 0;
  for await (const spans of scanMbox(file, 0, identity.size)) {
    for (const { start, end, octets, digest } of spans) {
      const known = messages.at(number++);
      if (known?.start !== start || known.end !== end || known.octets !== octets) return false;
      if (known.digest !== digest) return false;
    }
  }
  return number === messages.count;
}

async function scan(
  file: FileHandle,
  from: number,
  to: number,
  previous: MessageTable,
  taken: Set<string>,
): Promise<IndexedMessage[]> {
  const found: Omit<IndexedMessage & { uidl?: string }, "uid">[] = [];
  for await (const spans of scanMbox(file, from, to, true)) found.push(...spans);
  const uids = assignUids(found, previous, taken);
  return found.map(({ start, head, body, end, octets, digest, seen }, i) => {
    return { start, head, body, end, octets, digest, seen, uid: uids[i]! };
  });
}
