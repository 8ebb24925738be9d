/**
 * The text form of the aliases: `name: target, target`.
 *
 * A line that begins with white space continues the one before, and so does one after a `\` at the end of a line, a
 * comment's too; a line that begins with `#` is a comment. Names are local and compared without case; white space in one
 * is a dot. `name@domain` is for one domain of ours. Of a name given twice the last counts, as with Sendmail's newaliases. `@: @`, the mark of Sendmail's
 * database, is passed over. All faults are collected with their lines, loops among them: `a -> b -> a`. Words are
 * Sendmail's where it has some.
 */
import { domainKey, localPartKey, splitAddress } from "../address.ts";
import { ConfigError } from "../errors.ts";
import { aliasLoops } from "./alias-loops.ts";
import { parseTargets } from "./alias-targets.ts";
import { LONGEST_KEY, type ParsedTable, textLines } from "./map-text.ts";

/** The aliases of a text, right-hand sides as written, and the figures that newaliases prints. */
export interface ParsedAliases extends ParsedTable {
  /** How many lines there were; a name that came twice counts twice. */
  readonly count: number;
  /** The longest right-hand side, in octets. */
  readonly longest: number;
  /** Left- and right-hand sides together, in octets. */
  readonly total: number;
}

/** A line with its continuations. */
interface LogicalLine {
  readonly number: number;
  /** Of its last continuation: the line that Sendmail names a duplicate by. */
  last: number;
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
  const figures = { count: 0, longest: 0, total: 0 };
  for (const line of logicalLines(text, file, faults)) {
    const alias = readAlias(line.text, isLocalDomain);
    if (alias === undefined) continue;
    if (typeof alias === "string") {
      faults.push(new ConfigError(file, line.number, alias));
      continue;
    }
    const { left, name, value } = alias;
    if (entries.has(name)) {
      const warning = `${left}... Warning: duplicate alias name ${shownName(name)}`;
      duplicates.push(new ConfigError(file, line.last, warning));
    }
    entries.set(name, value);
    numbers.set(name, line.number);
    const octets = Buffer.byteLength(value);
    figures.count++;
    figures.longest = Math.max(figures.longest, octets);
    figures.total += Buffer.byteLength(shownName(name)) + octets;
  }
  for (const loop of aliasLoops(entries, isLocalDomain)) {
    faults.push(new ConfigError(file, numbers.get(loop[0]!)!, `alias loop: ${loop.join(" -> ")}`));
  }
  return { entries, faults, duplicates, ...figures };
}

/** Writes aliases so that {@link parseAliasText} reads them again. */
export function printAliasText(entries: Iterable<readonly [name: string, value: string]>): string {
  let text = "";
  for (const [name, value] of entries) text += `${shownName(name)}: ${value}\n`;
  return text;
}

/** A name as it is written on the left, with quotes where it needs them. */
export function shownName(name: string): string {
  return /^[^\s:#"@\\]+$/.test(name) ? name : `"${name.replace(/["\\]/g, "\\$&")}"`;
}

/** Joins continuation lines; comments and empty lines are left out. */
function logicalLines(text: string, file: string, faults: ConfigError[]): LogicalLine[] {
  const lines: LogicalLine[] = [];
  let open: LogicalLine | undefined;
  let joined = false;
  const goOn = (line: LogicalLine, index: number, more: string) => {
    line.text += more;
    line.last = index + 1;
  };
  textLines(text).forEach((line, index) => {
    if (joined) {
      // A comment goes on too.
      if (open !== undefined) goOn(open, index, line);
    } else if (/^\s/.test(line)) {
      if (open !== undefined) goOn(open, index, line);
      else if (line.trim() !== "")
        faults.push(new ConfigError(file, index + 1, "Non-continuation line starts with space"));
    } else if (line === "" || line.startsWith("#")) {
      open = undefined;
    } else {
      open = { number: index + 1, last: index + 1, text: line };
      lines.push(open);
    }
    joined = line.endsWith("\\");
    if (joined && open !== undefined) open.text = open.text.slice(0, -1);
  });
  return lines;
}

/** One line as an alias, what is wrong with it, or undefined for the mark. */
function readAlias(
  line: string,
  isLocalDomain: (domain: string) => boolean,
): { left: string; name: string; value: string } | string | undefined {
  const match = /^((?:"(?:[^"\\]|\\.)*"|\\.|[^:"\\])*):(.*)$/s.exec(line);
  if (match === null) return "missing colon";
  const left = match[1]!;
  const given = left.trim();
  // What stands behind the last item is counted, as Sendmail does, and means nothing.
  const value = match[2]!.trimStart();
  if (given === "@" && value.trim() === "@") return undefined;
  const { domain } = splitAddress(given);
  const ofDomain = domain !== "" && isLocalDomain(domainKey(domain));
  const whole = ofDomain ? given.slice(0, given.lastIndexOf("@")) : given;
  const bare = whole.replace(/^"(?:[^"\\]|\\.)*"$/s, "quoted");
  if (/@|^[|/]/.test(bare)) return `${given}... cannot alias non-local names`;
  if (bare === "") return `${line.trimEnd()}... illegal alias name`;
  if (/[,<>()"|/\\]/.test(bare)) return `${given}... illegal alias name`;
  const local = localPartKey(bare === "quoted" ? whole : whole.replace(/\s+/g, "."));
  const name = ofDomain ? `${local}@${domainKey(domain)}` : local;
  if (local === "" || Buffer.byteLength(name) > LONGEST_KEY) return `${given}... illegal alias name`;
  if (value === "") return `${line.trimEnd()}... missing value for alias`;
  const targets = parseTargets(value);
  return targets.ok ? { left, name, value } : `${given}... ${targets.reason}`;
}
