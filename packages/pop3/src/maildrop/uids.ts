/**
 * Unique ids (RFC 1939 section 7): 1 to 70 characters of 0x21 to 0x7E that stay with their message.
 *
 * A message keeps the id that the index has for its digest. A new one is called what its X-UIDL field says, if no other
 * message is called so: that is how ids given by another server survive a move. Else its id is its digest, which
 * comes out the same when the index is lost. Of several with the same digest the later ones get `.2`, `.3`, …; that number
 * lives in the index and stays when an earlier one is deleted.
 */

/** What is known of a message before it has an id. */
export interface Unnamed {
  readonly digest: string;
  /** X-UIDL, when plausible. */
  readonly uidl?: string;
}

const PLAUSIBLE = /^[!-~]{1,70}$/;
const NUMBERED = /^([0-9a-f]{32})\.([0-9]{1,9})$/;

/** Whether a text can be an id. */
export function isPlausibleUid(text: string): boolean {
  return PLAUSIBLE.test(text);
}

/**
 * Gives each message its id.
 *
 * @param previous messages as the index knows them, in their order: where digests agree, ids are kept
 * @param taken ids of other messages of the mailbox; the new ones are added
 */
export function assignUids(
  messages: readonly Unnamed[],
  previous: Iterable<{ readonly digest: string; readonly uid: string }>,
  taken: Set<string>,
): string[] {
  const known = new Map<string, string[]>();
  for (const { digest, uid } of previous) {
    const uids = known.get(digest);
    if (uids === undefined) known.set(digest, [uid]);
    else uids.push(uid);
  }
  for (const uids of known.values()) uids.reverse();
  const kept = messages.map(({ digest }) => known.get(digest)?.pop());
  for (const uid of kept) if (uid !== undefined) taken.add(uid);
  const highest = new Map<string, number>();
  for (const uid of taken) {
    const match = NUMBERED.exec(uid);
    if (match !== null) raise(highest, match[1]!, Number(match[2]));
  }
  return messages.map(({ digest, uidl }, i) => {
    const uid =
      kept[i] ??
      (uidl !== undefined && !taken.has(uidl) && isPlausibleUid(uidl) ? uidl : named(digest, taken, highest));
    taken.add(uid);
    return uid;
  });
}

function named(digest: string, taken: ReadonlySet<string>, highest: Map<string, number>): string {
  if (!taken.has(digest) && !highest.has(digest)) return digest;
  const number = (highest.get(digest) ?? 1) + 1;
  highest.set(digest, number);
  // An X-UIDL field may have looked like one of ours and come later than the count.
  const uid = `${digest}.${number}`;
  return taken.has(uid) ? named(digest, taken, highest) : uid;
}

function raise(highest: Map<string, number>, digest: string, number: number): void {
  if (number > (highest.get(digest) ?? 0)) highest.set(digest, number);
}
