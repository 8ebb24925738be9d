/**
 * The text form of the aliases: `name: target, target`.
 *
 * A line that begins with white space continues the one before, and so does one after a `\` at the end of a line; a
 * line that begins with `#` is a comment. Names are local and compared without case. All faults are collected with
 * their lines, loops among them: `a -> b -> a`. Words are Sendmail's where it has some.
 */
import { localPartKey } from "../address.ts";
import { ConfigError } from "../errors.ts";
import { aliasLoops } from "./alias-loops.ts";
import { parseTargets } from "./alias-targets.ts";
import { LONGEST_KEY, type ParsedTable, textLines } from "./map-text.ts";

/** The aliases of a text, right-hand sides as written, and the figures that newaliases prints. */
export interface ParsedAliases extends ParsedTable {
  /** The longest right-hand side, in octets. */
  readonly longest: number;
  /** Left- and right-hand sides together, in octets. */
  readonly total: number;
}

/** A line with its continuations. */
interface LogicalLine {
  readonly number: number;
  text: string;
}

/**
 * Reads the text of the aliases.
 *
 * @param file its name, for messages
 * @param isLocalDomain says which domains are ours, so that `a: a2@our.domain` is followed in the search for loops
 */
export function parseAliasText(
  text: string,
  file: string,
  isLocalDomain: (domain: string) => boolean = () => false,
): ParsedAliases {
  const entries = new Map<string, string>();
  const numbers = new Map<string, number>();
  const faults: ConfigError[] = [];
  const duplicates: ConfigError[] = [];
  const figures = { longest: 0, total: 0 };
  for (const line of logicalLines(text, file, faults)) {
    const alias = readAlias(line.text);
    if (typeof alias === "string") {
      faults.push(new ConfigError(file, line.number, alias));
    } else if (entries.has(alias.name)) {
      duplicates.push(new ConfigError(file, line.number, `duplicate alias name ${alias.name}`));
    } else {
      entries.set(alias.name, alias.value);
      numbers.set(alias.name, line.number);
      const octets = Buffer.byteLength(alias.value);
      figures.longest = Math.max(figures.longest, octets);
      figures.total += Buffer.byteLength(alias.name) + octets;
    }
  }
  for (const loop of aliasLoops(entries, isLocalDomain)) {
    faults.push(new ConfigError(file, numbers.get(loop[0]!)!, `alias loop: ${loop.join(" -> ")}`));
  }
  return { entries, faults, duplicates, ...figures };
}

/** Writes aliases so that {@link parseAliasText} reads them again. */
export function printAliasText(entries: Iterable<readonly [name: string, value: string]>): string {
  let text = "";
  for (const [name, value] of entries)
    text += `${/^[^\s:#"@\\]+$/.test(name) ? name : quoted(name)}: ${value}\n`;
  return text;
}

function quoted(name: string): string {
  return `"${name.replace(/["\\]/g, "\\$&")}"`;
}

/** Joins continuation lines; comments and empty lines are left out. */
function logicalLines(text: string, file: string, faults: ConfigError[]): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let open: LogicalLine | undefined;
  let joined = false;
  textLines(text).forEach((line, index) => {
    if (joined && open !== undefined) {
      open.text += line;
    } else if (/^\s/.test(line)) {
      if (open !== undefined) open.text += line;
      else if (line.trim() !== "")
        faults.push(new ConfigError(file, index + 1, "Non-continuation line starts with space"));
    } else if (line === "" || line.startsWith("#")) {
      open = undefined;
    } else {
      open = { number: index + 1, text: line };
      lines.push(open);
    }
    joined = open?.text.endsWith("\\") === true;
    if (joined && open !== undefined) open.text = open.text.slice(0, -1);
  });
  return lines;
}

/** One line as an alias, or what is wrong with it. */
function readAlias(line: string): { name: string; value: string } | string {
  const match = /^((?:"(?:[^"\\]|\\.)*"|\\.|[^:"\\])*):(.*)$/s.exec(line);
  if (match === null) return "missing colon";
  const left = match[1]!.trim();
  const value = match[2]!.trim();
  const bare = left.replace(/^"(?:[^"\\]|\\.)*"$/s, "quoted");
  if (bare.includes("@")) return `${left}... cannot alias non-local names`;
  if (bare === "" || /[\s,<>()"|/\\]/.test(bare)) return `${left}... illegal alias name`;
  const name = localPartKey(left);
  if (name === "" || Buffer.byteLength(name) > LONGEST_KEY) return `${left}... illegal alias name`;
  if (value === "") return `${left}... missing value for alias`;
  const targets = parseTargets(value);
  return targets.ok ? { name, value } : `${left}... ${targets.reason}`;
}
