/**
 * Recipients of which it could not be said when their message came in where their mail goes: a home with a `.forward` was
 * away, a table could not be read. They wait in the queue as a target `error` with a temporary reply, and each attempt asks
 * anew. Nobody is there any more who could send the message again.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { type QueueEntry, type QueueRecipient, recipientKey, type Target } from "./queue-entry.ts";

/** Where mail of a sender for an address goes, as far as that can be said now. */
export type ResolveLate = (
  address: string,
  sender: string,
) => Promise<
  | { readonly kind: "targets"; readonly recipients: readonly Pick<QueueRecipient, "address" | "target">[] }
  | { readonly kind: "refused"; readonly reply: SmtpReply }
>;

/** The target of an address whose mail goes nobody knows where yet. */
export function unresolved(reply: SmtpReply): Target {
  return { kind: "error", reply };
}

/** True for a recipient of that kind. */
export function isUnresolved({ target }: QueueRecipient): boolean {
  return target.kind === "error" && target.reply.code < 500;
}

/**
 * Puts what an address has become in its place. What the message goes to already is not added again.
 *
 * @param now when those that were found are due (ms since 1970)
 */
export function replaceRecipient(
  entry: QueueEntry,
  recipient: QueueRecipient,
  found: readonly Pick<QueueRecipient, "address" | "target">[],
  now: number,
): void {
  const { address, givenAs = address, notify, originalRecipient } = recipient;
  const known = new Set(entry.recipients.map(recipientKey));
  const fresh: QueueRecipient[] = [];
  for (const one of found) {
    const key = recipientKey(one);
    if (known.has(key)) continue;
    known.add(key);
    const { address: to, target } = one;
    fresh.push({
      // A report has no sender, whatever list it goes to.
      ...(entry.isReport === true ? { address: to, target } : one),
      ...(one.address === givenAs ? {} : { givenAs }),
      ...(notify === undefined ? {} : { notify }),
      ...(originalRecipient === undefined ? {} : { originalRecipient }),
      state: "pending",
      dueAt: now,
    });
  }
  entry.recipients.splice(entry.recipients.indexOf(recipient), 1, ...fresh);
}
