/**
 * The languages that replies can be in, and how a client's wish becomes one of them (LANG, RFC 6856 section 3).
 */
import { CHINESE } from "./chinese.ts";
import { ENGLISH } from "./english.ts";
import type { Texts } from "./texts.ts";

/** One language. */
export interface Language {
  /** Its tag (RFC 5646), in the case that LANG lists it with. */
  readonly tag: string;
  /** What it calls itself. */
  readonly name: string;
  readonly texts: Texts;
}

/** What `LANG *` and `LANG i-default` (RFC 2277 section 4.5) choose. */
export const FIRST_LANGUAGE: Language = { tag: "en", name: "English", texts: ENGLISH };

/** What a session speaks before LANG and UTF8: ASCII, whatever a client typed in other letters (RFC 6856 section 3.2). */
export const ASCII_ENGLISH: Language = { ...FIRST_LANGUAGE, texts: inAscii(ENGLISH) };

/** All of them, as LANG lists them. */
export const LANGUAGES: readonly Language[] = [FIRST_LANGUAGE, { tag: "zh", name: "中文", texts: CHINESE }];

/**
 * The language that a basic language range means (RFC 4647 section 3.4, look-up): `zh-CN` finds `zh` when there is nothing
 * nearer.
 */
export function languageFor(range: string): Language | undefined {
  const wanted = range.toLowerCase();
  if (wanted === "*" || wanted === "i-default") return FIRST_LANGUAGE;
  if (!/^[a-z]{1,8}(-[a-z0-9]{1,8})*$/.test(wanted)) return undefined;
  for (let tag = wanted; tag !== ""; tag = tag.slice(0, Math.max(0, tag.lastIndexOf("-")))) {
    const found = LANGUAGES.find((language) => language.tag === tag);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The same texts with `?` for each character that is not ASCII: such as come from what a client typed. */
function inAscii(texts: Texts): Texts {
  const ascii = Object.entries(texts as unknown as Record<string, unknown>).map(([name, text]) => [
    name,
    typeof text === "function"
      ? (...words: unknown[]) => String(text(...words)).replace(/[^\0-\x7f]/gu, "?")
      : text,
  ]);
  return Object.fromEntries(ascii) as Texts;
}
