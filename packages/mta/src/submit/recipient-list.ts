/**
 * The addresses in To, Cc and Bcc fields, for `sendmail -t` (RFC 5322 section 3.4). Unlike a reader that looks for what it
 * can rewrite, nothing is passed over: what cannot be an address is given too, for the caller to be told of it. Pure.
 */
import { afterComment, afterQuoted, closingBracket } from "../inbound/header-tokens.ts";

/** The addresses of one field, in their order, without brackets, names and comments. */
export function listedAddresses(text: string): string[] {
  const found: string[] = [];
  let words: string[] = [];
  let bracketed: string | undefined;
  const endOfItem = () => {
    if (bracketed !== undefined) found.push(bracketed);
    // Without brackets and commas each word is an address (Sendmail's OldStyleHeaders).
    else found.push(...words);
    words = [];
    bracketed = undefined;
  };
  for (let at = 0; at < text.length; ) {
    const c = text[at]!;
    if (c === " " || c === "\t" || c === "\r" || c === "\n") at++;
    else if (c === "(") at = afterComment(text, at);
    else if (c === "," || c === ";") {
      endOfItem();
      at++;
    } else if (c === ":" && bracketed === undefined) {
      // What came before is a group's name.
      words = [];
      at++;
    } else if (c === "<") {
      const close = closingBracket(text, at);
      bracketed = unfolded(text.slice(at + 1, close ?? text.length));
      at = close === undefined ? text.length : close + 1;
    } else {
      const end = afterWord(text, at);
      const word = text.slice(at, end);
      // `joe @ example.com` is one address.
      const last = words.at(-1);
      if (last !== undefined && (word.startsWith("@") || last.endsWith("@")))
        words[words.length - 1] = last + word;
      else words.push(word);
      at = end;
    }
  }
  endOfItem();
  return found.filter((address) => address !== "");
}

/** The end of a run of atoms, quoted strings and domain literals without space between them. */
function afterWord(text: string, start: number): number {
  let at = start;
  let include = false;
  while (at < text.length) {
    const c = text[at]!;
    if (c === '"') at = afterQuoted(text, at);
    else if (c === "\\") at += 2;
    else if (c === "[") {
      const close = text.indexOf("]", at);
      at = close < 0 ? text.length : close + 1;
    } else if (c === ":" && text.startsWith(":include:", start) && at - start <= 8) {
      include = true;
      at++;
    } else if (/[\s(),;<]/.test(c) || (c === ":" && !include)) break;
    else at++;
  }
  return Math.min(Math.max(at, start + 1), text.length);
}

function unfolded(text: string): string {
  // Line by line: one expression for blanks on both sides of a line end would try each run of blanks over and over.
  return text
    .split("\n")
    .map((line) => line.trim())
    .join("");
}
