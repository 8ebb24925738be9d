/**
 * Where quoted strings, comments and brackets of a structured header field end (RFC 5322 section 3.2). Linear, and what is
 * left open ends with the text.
 */

/** The place after a quoted string that begins at `start`. */
export function afterQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

/** The place after a comment that begins at `start`; comments nest and may hold quoted pairs. */
export function afterComment(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const c = text[at];
    if (c === "\\") at++;
    else if (c === "(") depth++;
    else if (c === ")" && --depth === 0) return at + 1;
  }
  return text.length;
}

/** The place of the `>` that closes a `<`, quoted ones passed over. */
export function closingBracket(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    const c = text[at];
    if (c === '"') at = afterQuoted(text, at) - 1;
    else if (c === "\\") at++;
    else if (c === ">") return at;
  }
  return undefined;
}
