/**
 * Unique ids (RFC 1939 section 7): 1 to 70 characters of 0x21 to 0x7E that stay with their message.
 *
 * A message keeps the id that the index has for its digest. A new one is called what the server before this one called it,
 * as far as its header tells (given-ids.ts), if no other message is called so. Else its id is its digest, which
 * comes out the same when the index is lost. Of several with the same digest the later ones get `.2`, `.3`, …; that number
 * lives in the index and stays when an earlier one is deleted, and without an index follows from their order.
 */
import { setImmediate } from "node:timers/promises";
import { DIGEST } from "./message-chunk.ts";
import type { MessageTable } from "./message-table.ts";

/** What is known of a message before it has an id. */
export interface Unnamed {
  readonly digest: string;
  /** What another server called it, when that is known. */
  readonly given?: string | undefined;
}

const PLAUSIBLE = /^[!-~]{1,70}$/;
const NUMBERED = /^([0-9a-f]{32})\.([0-9]{1,9})$/;
/** Messages that are named before others get their turn. */
const A_TURN = 4096;

/** Whether a text can be an id. */
export function isPlausibleUid(text: string): boolean {
  return PLAUSIBLE.test(text);
}

/**
 * Gives each message its id.
 *
 * @param previous messages as the index knows them, in their order: where digests agree, ids are kept
 * @param taken ids of other messages of the mailbox, at least those of {@link takenNear}; the new ones are added
 */
export async function assignUids(
  messages: readonly Unnamed[],
  previous: Iterable<{ readonly digest: string; readonly uid: string }>,
  taken: Set<string>,
): Promise<string[]> {
  const known = new Map<string, string[]>();
  for (const { digest, uid } of previous) {
    const uids = known.get(digest);
    if (uids === undefined) known.set(digest, [uid]);
    else uids.push(uid);
    if (known.size % A_TURN === 0) await setImmediate();
  }
  for (const uids of known.values()) uids.reverse();
  const kept: (string | undefined)[] = [];
  if (known.size > 0) {
    for (const [i, { digest }] of messages.entries()) {
      kept.push(known.get(digest)?.pop());
      if (i % A_TURN === A_TURN - 1) await setImmediate();
    }
  }
  for (const uid of kept) if (uid !== undefined) taken.add(uid);
  const highest = new Map<string, number>();
  for (const uid of taken) {
    const match = NUMBERED.exec(uid);
    if (match !== null) raise(highest, match[1]!, Number(match[2]));
  }
  const uids: string[] = [];
  for (const [i, { digest, given }] of messages.entries()) {
    const uid =
      kept[i] ??
      (given !== undefined && !taken.has(given) && isPlausibleUid(given)
        ? given
        : named(digest, taken, highest));
    taken.add(uid);
    uids.push(uid);
    if (i % A_TURN === A_TURN - 1) await setImmediate();
  }
  return uids;
}

/** Characters that ids of one family share: a digest and its numbered repeats. */
const FAMILY = 32;
const FILTER = 0xffff;

/**
 * The ids in a table that could be in the way of new messages' ids: those that share their first {@link FAMILY}
 * characters with one, and by chance some more. The ids of a large mailbox are not made strings for ten new messages.
 */
export function takenNear(messages: readonly Unnamed[], table: MessageTable): Set<string> {
  const near = new Set<string>();
  if (table.count === 0) return near;
  const digests = new Uint8Array(FILTER + 1);
  const texts = new Uint8Array(FILTER + 1);
  for (const { digest, given } of messages) {
    for (const uid of given === undefined ? [digest] : [digest, given]) {
      const bytes = Buffer.from(uid.slice(0, FAMILY), "latin1");
      texts[hashOf(bytes, 0, bytes.length)] = 1;
      // Only what looks like a digest can be one.
      const [first, second] = Buffer.from(uid.slice(0, 4), "hex");
      if (first !== undefined && second !== undefined) digests[first | (second << 8)] = 1;
    }
  }
  for (const chunk of table.chunks) {
    const { count, digest, uidLength, uids } = chunk;
    for (let i = 0; i < count; i++) {
      const length = uidLength[i]!;
      const at = length === 0 ? i * DIGEST : chunk.uidStart(i);
      const hit =
        length === 0
          ? digests[digest[at]! | (digest[at + 1]! << 8)]
          : texts[hashOf(uids, at, at + Math.min(length, FAMILY))];
      if (hit === 1) near.add(chunk.uid(i));
    }
  }
  return near;
}

function hashOf(bytes: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return (hash ^ (hash >>> 16)) & FILTER;
}

function named(digest: string, taken: ReadonlySet<string>, highest: Map<string, number>): string {
  if (!taken.has(digest) && !highest.has(digest)) return digest;
  const number = (highest.get(digest) ?? 1) + 1;
  highest.set(digest, number);
  // An id that another server gave may have looked like one of ours and come later than the count.
  const uid = `${digest}.${number}`;
  return taken.has(uid) ? named(digest, taken, highest) : uid;
}

function raise(highest: Map<string, number>, digest: string, number: number): void {
  if (number > (highest.get(digest) ?? 0)) highest.set(digest, number);
}
