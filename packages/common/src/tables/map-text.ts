/**
 * The text form of a table: a key, white space, a value, one pair a line.
 *
 * As makemap reads it: `#` at the start of a line makes a comment, keys are folded to lower case, values are kept as
 * written, the first of two equal keys counts. Every fault is collected with its line; the pairs of the sound lines
 * are there all the same, so that a caller can choose between all and nothing. Empty lines, CR LF line ends, a
 * byte order mark and white space at the end of a value are put up with.
 */
import { ConfigError } from "../errors.ts";
import { tableKey } from "./address-keys.ts";
import { fromOctets, toOctets } from "./table-file.ts";

/** The longest key, in octets: what a compiled table can hold with room to spare. */
export const LONGEST_KEY = 1024;

/** What a text says, and what is wrong with it. */
export interface ParsedTable {
  readonly entries: Map<string, string>;
  /** Lines that could not be read. */
  readonly faults: ConfigError[];
  /** Keys that came twice; the first is in `entries`. */
  readonly duplicates: ConfigError[];
}

/** How a line is read; the defaults are makemap's without flags. */
export interface MapTextOptions {
  /** False keeps the case of keys (makemap -f). */
  readonly fold?: boolean;
  /** True takes keys with no value (makemap -e). */
  readonly allowEmpty?: boolean;
  /** Start of a comment line, `#` (makemap -D). */
  readonly comment?: string;
  /** What separates key and value, white space (makemap -t). */
  readonly delimiter?: string;
  /** True when the line is a string of octets, and the pair is to be (`toOctets`). */
  readonly octets?: boolean;
}

/** A key and its value as written, blanks at the end of the value kept. */
export interface MapPair {
  readonly key: string;
  readonly value: string;
}

/**
 * Reads the text of a table.
 *
 * @param file its name, for messages
 */
export function parseMapText(text: string, file: string, options: MapTextOptions = {}): ParsedTable {
  const table: ParsedTable = { entries: new Map(), faults: [], duplicates: [] };
  let number = 0;
  for (const line of textLines(text)) {
    number++;
    const pair = readMapLine(line, options);
    if (pair === undefined) continue;
    if (typeof pair === "string") {
      table.faults.push(new ConfigError(file, number, pair));
    } else if (table.entries.has(pair.key)) {
      table.duplicates.push(new ConfigError(file, number, `key ${pair.key}: duplicate key`));
    } else {
      table.entries.set(pair.key, pair.value.trim());
    }
  }
  return table;
}

/**
 * One line, without its end: its pair, what is wrong with it in makemap's words, or undefined for a comment and for an empty
 * line. White space is ASCII's, so that it never is part of a character of several octets.
 */
export function readMapLine(line: string, options: MapTextOptions = {}): MapPair | string | undefined {
  const { delimiter } = options;
  if (/^[ \t\v\f\r]*$/.test(line) || line.startsWith(options.comment ?? "#")) return undefined;
  if (delimiter === undefined && /^[ \t\v\f\r]/.test(line)) return "syntax error (leading space)";
  const end = delimiter === undefined ? line.search(/[ \t\v\f\r]/) : line.indexOf(delimiter);
  const left = end < 0 ? line : line.slice(0, end);
  let start = end < 0 ? line.length : end;
  const separates = (c: string) => (delimiter === undefined ? /[ \t\v\f\r]/.test(c) : c === delimiter);
  while (start < line.length && separates(line[start]!)) start++;
  const value = line.slice(start);
  const key = options.fold === false ? left : foldedKey(left, options.octets === true);
  if (key === "") return "no key before the delimiter";
  const octets = options.octets === true ? key.length : Buffer.byteLength(key);
  if (octets > LONGEST_KEY) return `key too long (${LONGEST_KEY} bytes max)`;
  if (value === "" && options.allowEmpty !== true)
    return `no RHS for LHS ${options.octets === true ? fromOctets(key) : key}`;
  return { key, value };
}

function foldedKey(key: string, octets: boolean): string {
  return octets ? toOctets(tableKey(fromOctets(key))) : tableKey(key);
}

/** Writes entries so that {@link parseMapText} reads them again. */
export function printMapText(entries: Iterable<readonly [key: string, value: string]>): string {
  let text = "";
  for (const [key, value] of entries) text += `${key}\t${value}\n`;
  return text;
}

/** The lines of a text without line ends; a byte order mark is left out, and so is what follows the last newline when empty. */
export function textLines(text: string): string[] {
  const lines = text.replace(/^\uFEFF/, "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => (line.endsWith("\r") ? line.slice(0, -1) : line));
}
