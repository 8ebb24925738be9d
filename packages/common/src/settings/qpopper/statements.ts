/**
 * The lines of a Qpopper configuration file: `set NAME [= VALUE]`, `reset NAME`, comments from `#` on. Pure.
 *
 * As Qpopper reads them: `#` begins a comment at the start of a line or of a word; `set`, `reset` and names are known in any
 * case; a value may stand in `"`, `'` or `` ` ``, and then may hold blanks and `#`. Unlike Qpopper a quote must be closed,
 * a backslash before the quote is dropped, and the last line needs no end.
 */

/** A value as it was written. */
export interface WrittenValue {
  /** Without its quotes. */
  readonly text: string;
  readonly quoted: boolean;
}

/** What one line says. */
export type Line =
  | { readonly kind: "nothing" }
  | {
      readonly kind: "statement";
      readonly reset: boolean;
      /** As it was written. */
      readonly name: string;
      readonly value?: WrittenValue;
    }
  | { readonly kind: "fault"; readonly reason: string };

/** Most characters of a line, its end included (Qpopper's MAXLINELEN). */
const LONGEST_LINE = 1024;

const QUOTES = new Set(['"', "'", "`"]);

/** Every line of a file; the first has index 0. */
export function readLines(text: string): Line[] {
  return text.split(/\r?\n/).map(readLine);
}

/** Reads one line, without its end. */
export function readLine(line: string): Line {
  if (line.length >= LONGEST_LINE) return fault(`the line is longer than ${LONGEST_LINE - 1} characters`);
  const text = line.trim();
  if (text === "" || text.startsWith("#")) return { kind: "nothing" };
  const [verb] = /^[A-Za-z0-9-]*/.exec(text)!;
  const reset = verb.toLowerCase() === "reset";
  if (!reset && verb.toLowerCase() !== "set")
    return fault(`expected "set NAME = VALUE" or "reset NAME", found ${quoted(text)}`);
  const rest = text.slice(verb.length).trimStart();
  const [name] = /^[A-Za-z0-9-]*/.exec(rest)!;
  if (name === "") return fault(`${verb}: expected the name of an option, found ${quoted(rest)}`);
  const behind = rest.slice(name.length).trimStart();
  if (behind === "" || behind.startsWith("#")) return { kind: "statement", reset, name };
  if (!behind.startsWith("="))
    return fault(`${name}: expected "=" or the end of the line, found ${quoted(behind)}`);
  return withValue(reset, name, behind.slice(1).trimStart());
}

function withValue(reset: boolean, name: string, text: string): Line {
  const read = QUOTES.has(text[0] ?? "") ? quotedValue(text) : plainValue(text);
  if (read === undefined) return fault(`${name}: the quote ${text[0]} is not closed`);
  const { value, rest } = read;
  if (rest !== "" && !rest.startsWith("#"))
    return fault(`${name}: expected a comment or the end of the line, found ${quoted(rest)}`);
  if (value.text === "" && !value.quoted) return fault(`${name}: a value is missing behind "="`);
  return { kind: "statement", reset, name, value };
}

interface Cut {
  readonly value: WrittenValue;
  /** What follows, without blanks in front. */
  readonly rest: string;
}

function quotedValue(text: string): Cut | undefined {
  const quote = text[0]!;
  let value = "";
  for (let i = 1; i < text.length; i++) {
    const c = text[i]!;
    if (c === "\\" && text[i + 1] === quote) value += text[++i]!;
    else if (c === quote)
      return { value: { text: value, quoted: true }, rest: text.slice(i + 1).trimStart() };
    else value += c;
  }
  return undefined;
}

function plainValue(text: string): Cut {
  const value = text.startsWith("#") ? "" : /^\S*/.exec(text)![0];
  return { value: { text: value, quoted: false }, rest: text.slice(value.length).trimStart() };
}

function fault(reason: string): Line {
  return { kind: "fault", reason };
}

/** A piece of the file as a message shows it. */
function quoted(text: string): string {
  return text === "" ? "the end of the line" : JSON.stringify(text.slice(0, 80));
}
