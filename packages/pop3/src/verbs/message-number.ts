/**
 * The one place where a message number is read and checked.
 */
import type { IndexedMessage } from "../maildrop/mailbox-index.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import { err } from "../protocol/reply.ts";
import type { Texts } from "../texts/texts.ts";

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

/** The refusals of all verbs but UIDL. */
export function numberRefusals(texts: Texts): Refusals {
  return {
    noNumber: texts.unknownMessageNumber,
    none: texts.noSuchMessage,
    deleted: texts.alreadyDeleted,
  };
}

/** Finds the message that a word means. */
export function findMessage(drop: Maildrop, word: string, refusals: Refusals): Found {
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
