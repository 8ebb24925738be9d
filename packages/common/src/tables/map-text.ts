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

/** How a text is read; the defaults are makemap's without flags. */
export interface MapTextOptions {
  /** False keeps the case of keys (makemap -f). */
  readonly fold?: boolean;
  /** True takes keys with no value (makemap -e). */
  readonly allowEmpty?: boolean;
  /** True lets a later value replace an earlier one (makemap -r). */
  readonly replace?: boolean;
  /** Start of a comment line, `#` (makemap -D). */
  readonly comment?: string;
  /** What separates key and value, white space (makemap -t). */
  readonly delimiter?: string;
  /** Entries that are there before the text (makemap -o). */
  readonly into?: ReadonlyMap<string, string>;
  /** Called for each pair taken (makemap -v). */
  readonly onEntry?: (key: string, value: string) => void;
}

/**
 * Reads the text of a table.
 *
 * @param file its name, for messages
 */
export function parseMapText(text: string, file: string, options: MapTextOptions = {}): ParsedTable {
  const table: ParsedTable = { entries: new Map(options.into), faults: [], duplicates: [] };
  let number = 0;
  for (const line of textLines(text)) {
    number++;
    if (line.trim() === "" || line.startsWith(options.comment ?? "#")) continue;
    const pair = readPair(line, options);
    if (typeof pair === "string") {
      table.faults.push(new ConfigError(file, number, pair));
    } else if (table.entries.has(pair.key) && options.replace !== true) {
      table.duplicates.push(new ConfigError(file, number, `key ${pair.key}: duplicate key`));
    } else {
      table.entries.set(pair.key, pair.value);
      options.onEntry?.(pair.key, pair.value);
    }
  }
  return table;
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

/** One line as a pair, or what is wrong with it in makemap's words. */
function readPair(line: string, options: MapTextOptions): { key: string; value: string } | string {
  const { delimiter } = options;
  if (delimiter === undefined && /^\s/.test(line)) return "syntax error (leading space)";
  const end = delimiter === undefined ? line.search(/\s/) : line.indexOf(delimiter);
  const left = end < 0 ? line : line.slice(0, end);
  const right = end < 0 ? "" : line.slice(end + (delimiter?.length ?? 0)).trim();
  const key = options.fold === false ? left : tableKey(left);
  if (key === "") return "no key before the delimiter";
  if (Buffer.byteLength(key) > LONGEST_KEY) return `key too long (${LONGEST_KEY} bytes max)`;
  if (right === "" && options.allowEmpty !== true) return `no RHS for LHS ${left}`;
  return { key, value: right };
}
