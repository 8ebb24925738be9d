/**
 * Under which ids messages were known before, by their digests. An index of an older version may have other digests for the same
 * messages; where the file is the same, their places tell which is which, so that clients do not fetch all mail again.
 */
import type { FoundMessages } from "@mailhost/common/mbox/found-messages";
import type { MessageTable } from "./message-table.ts";

/** What is known of messages' ids; a {@link MessageTable} is one. */
export interface KnownNames {
  /** Each message is called as its digest is. */
  readonly isPlain: boolean;
  names(): Iterable<{ readonly digest: string; readonly uid: string }>;
}

/** The ids of an older index, each with the digest that the message has now which stands in the same place. */
export function namesByPlace(old: MessageTable, found: FoundMessages): KnownNames {
  const names: { digest: string; uid: string }[] = [];
  let isPlain = old.isPlain;
  let i = 0;
  for (const { start, end, digest: before, uid } of old) {
    while (i < found.count && found.start[i]! < start) i++;
    const digest =
      i < found.count && found.start[i] === start && found.end[i] === end ? found.digestOf(i) : before;
    if (digest !== before) isPlain = false;
    names.push({ digest, uid });
  }
  return { isPlain, names: () => names };
}
