/**
 * Finds the addresses in the text of a header field (RFC 5322 section 3.4), so that each can be replaced where it stands
 * and every other byte stays.
 *
 * What cannot be read as an address for sure is not one: a phrase without brackets, a source route, a group's name.
 */
import { afterComment, afterQuoted, closingBracket } from "../inbound/header-tokens.ts";

/** An address in a text: its place and its text. */
export interface AddressSpan {
  readonly start: number;
  /** The place after its last character. */
  readonly end: number;
}

/** White space, folding included. */
const SPACE = /[ \t\r\n]/;

/**
 * The addresses of a list, in their order.
 *
 * @param text the field after its colon, folding kept, a character an octet (latin1)
 */
export function addressSpans(text: string): AddressSpan[] {
  const spans: AddressSpan[] = [];
  let words: AddressSpan[] = [];
  let bracketed: AddressSpan | undefined;
  const endOfItem = () => {
    const [only] = words.length === 1 ? words : [];
    const span = bracketed ?? only;
    if (span !== undefined && isAddress(text.slice(span.start, span.end))) spans.push(span);
    words = [];
    bracketed = undefined;
  };
  for (let at = 0; at < text.length; ) {
    const c = text[at]!;
    if (SPACE.test(c)) at++;
    else if (c === "(") at = afterComment(text, at);
    else if (c === "," || c === ";") {
      endOfItem();
      at++;
    } else if (c === ":") {
      // What came before is a group's name.
      words = [];
      bracketed = undefined;
      at++;
    } else if (c === "<") {
      const close = closingBracket(text, at);
      if (close === undefined) return spans;
      bracketed = trimmed(text, at + 1, close);
      at = close + 1;
    } else {
      const end = afterWord(text, at);
      words.push({ start: at, end });
      at = end;
    }
  }
  endOfItem();
  return spans;
}

/** Replaces addresses; `replace` returns the same text for one that stays. */
export function replaceAddresses(text: string, replace: (address: string) => string): string {
  let out = "";
  let done = 0;
  for (const { start, end } of addressSpans(text)) {
    const address = text.slice(start, end);
    const replaced = replace(address);
    if (replaced === address) continue;
    out += text.slice(done, start) + replaced;
    done = end;
  }
  return out + text.slice(done);
}

/** Local part perhaps quoted, domain perhaps a literal; no route, no list of hosts. */
function isAddress(text: string): boolean {
  return /^(?:"(?:[^"\\\r\n]|\\[^\r\n])*"|[^\s"(),:;<>@[\]\\]+)(?:@(?:\[[^\][\s]*\]|[^\s"(),:;<>@[\]\\]+))?$/.test(
    text,
  );
}

/** The end of a run of atoms and quoted strings without space between them: `"a b"@example.com`. */
function afterWord(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    const c = text[at]!;
    if (c === '"') at = afterQuoted(text, at);
    else if (c === "\\") at += 2;
    else if (c === "[") {
      const close = text.indexOf("]", at);
      at = close < 0 ? text.length : close + 1;
    } else if (SPACE.test(c) || /[(),:;<>]/.test(c)) break;
    else at++;
  }
  return Math.min(Math.max(at, start + 1), text.length);
}

function trimmed(text: string, from: number, to: number): AddressSpan {
  let start = from;
  let end = to;
  while (start < end && SPACE.test(text[start]!)) start++;
  while (end > start && SPACE.test(text[end - 1]!)) end--;
  return { start, end };
}
