/**
 * The one place where a message number is read and checked.
 */
import type { IndexedMessage } from "../maildrop/mailbox-index.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import { err } from "../protocol/reply.ts";

/** A message that may be used, or the reply that says why not. */
export type Found =
  | { readonly kind: "message"; readonly number: number; readonly message: IndexedMessage }
  | { readonly kind: "refused"; readonly reply: string };

/** What the refusals of a verb say. */
export interface Refusals {
  noNumber(word: string, highest: number): string;
  none(number: string): string;
  deleted(number: string): string;
}

/** Qpopper's words for all verbs but UIDL. */
export const REFUSALS: Refusals = {
  noNumber: (word) => `Unknown message number: ${word}`,
  none: (number) => `Message ${number} does not exist.`,
  deleted: (number) => `Message ${number} has been deleted.`,
};

/** Finds the message that a word means. */
export function findMessage(drop: Maildrop, word: string, refusals: Refusals = REFUSALS): Found {
  const refused = (text: string): Found => ({ kind: "refused", reply: err(text) });
  if (!/^[0-9]{1,10}$/.test(word)) return refused(refusals.noNumber(word, drop.highest));
  const number = Number(word);
  const found = drop.message(number);
  switch (found.kind) {
    case "message":
      return { kind: "message", number, message: found.message };
    case "deleted":
      return refused(refusals.deleted(String(number)));
    case "none":
      return refused(refusals.none(String(number)));
  }
}

/** `3 messages`, `1 message`, `3 visible messages`. */
export function messageCount(count: number, adjective = ""): string {
  return `${count} ${adjective}${count === 1 ? "message" : "messages"}`;
}
