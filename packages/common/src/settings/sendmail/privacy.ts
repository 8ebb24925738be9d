/**
 * PrivacyOptions (op.me): the words there are.
 */
import { nearest } from "../nearest.ts";
import type { Read } from "../units.ts";
import { readWords } from "./option-values.ts";

const WORDS: readonly string[] = [
  "public",
  "needmailhelo",
  "needexpnhelo",
  "needvrfyhelo",
  "noactualrecipient",
  "noetrn",
  "noexpn",
  "noverb",
  "novrfy",
  "restrictexpand",
  "restrictmailq",
  "restrictqrun",
  "nobodyreturn",
  "noreceipts",
  "goaway",
  "authwarnings",
];

/** Reads the words, in lower case; `public` is none. */
export function readPrivacy(text: string): Read<readonly string[]> {
  const words = readWords(text).map((word) => word.toLowerCase());
  const strange = words.find((word) => !WORDS.includes(word));
  if (strange === undefined) return { ok: true, value: words.filter((word) => word !== "public") };
  const guess = nearest(strange, WORDS);
  return {
    ok: false,
    expected: `words of PrivacyOptions (${strange} is none${guess === undefined ? "" : `; did you mean ${guess}?`})`,
  };
}
