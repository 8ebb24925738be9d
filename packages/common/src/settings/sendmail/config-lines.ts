/**
 * What the lines of a `sendmail.cf` say, one function a letter (op.me section 5), written into a configuration. The raw lines
 * that a `config.mc` passes on (LOCAL_CONFIG) come here as well.
 */
import { ConfigError } from "../../errors.ts";
import { readMapLine } from "./maps.ts";
import { addNote, addToClass, classOf, type Origin, onOneLine, type SendmailConfig } from "./model.ts";
import { nearestOption, optionLettered, optionNamed } from "./options.ts";
import { type Ruleset, ruleOf, rulesetOf } from "./rulesets.ts";

/** A reading in progress. */
export interface LineReading {
  readonly config: SendmailConfig;
  readonly rulesets: Ruleset[];
}

/** A line that is no line of a `sendmail.cf`. */
export const UNKNOWN = "unknown";

/**
 * Reads one line that is neither empty nor a comment.
 *
 * @returns a reason why it cannot be used, {@link UNKNOWN} when no such line exists, or undefined
 */
export function readConfigLine(reading: LineReading, text: string, origin: Origin): string | undefined {
  const reader = READERS[text.charAt(0)];
  return reader === undefined ? UNKNOWN : reader(text.slice(1), reading, origin);
}

type LineReader = (rest: string, reading: LineReading, origin: Origin) => string | undefined;

const READERS: Readonly<Record<string, LineReader>> = {
  O: readOption,
  D: (rest, { config }, origin) => {
    const named = readName(rest);
    if (named === undefined) return UNKNOWN;
    config.macros.set(named.name, { value: named.rest, origin });
    return undefined;
  },
  C: (rest, { config }, origin) => {
    const named = readName(rest);
    if (named === undefined) return UNKNOWN;
    addToClass(config, named.name, named.rest, origin);
    return undefined;
  },
  F: (rest, { config }, origin) => {
    const named = readName(rest);
    if (named === undefined || named.rest.trim() === "") return UNKNOWN;
    classOf(config, named.name).files.push({ value: named.rest.trim(), origin });
    return undefined;
  },
  K: (rest, { config }, origin) => {
    const read = readMapLine(rest.replaceAll("\n", " "));
    if (read === undefined) return "K line: a map's name and its kind are needed";
    // As in Sendmail, the first map of a name stays… unless it comes again with the same name.
    config.maps.set(read.name, { value: read.map, origin });
    return undefined;
  },
  M: readMailer,
  P: (rest) => (/^[\w-]+=-?\d+\s*$/.test(rest) ? undefined : UNKNOWN),
  T: (rest, { config }, origin) => {
    addToClass(config, "t", rest, origin);
    return undefined;
  },
  H: readHeader,
  V: (rest) => (/^\d+(?:\/\w+)?\s*$/.test(rest) ? undefined : UNKNOWN),
  S: (rest, { rulesets }, origin) => {
    if (!/^\s*[\w-]+\s*(?:=\s*[\w-]+)?\s*(?:#.*)?$/.test(rest)) return UNKNOWN;
    rulesets.push(rulesetOf(rest, origin));
    return undefined;
  },
  R: (rest, { rulesets }, origin) => {
    if (!rest.includes("\t") && !/\S\s+\S/.test(rest)) return UNKNOWN;
    if (rulesets.length === 0) rulesets.push({ name: "0", origin, rules: [] });
    rulesets.at(-1)!.rules.push(ruleOf(rest, origin));
    return undefined;
  },
  Q: (_rest, { config }, origin) => {
    addNote(config, origin, "queue groups: there is one queue, without groups");
    return undefined;
  },
  X: (rest, { config }, origin) => {
    if (!/^\s*\w+\s*,/.test(rest)) return UNKNOWN;
    addNote(config, origin, `mail filter ${rest.split(",")[0]!.trim()}: milters are not called`);
    return undefined;
  },
  E: (rest) => (/^\w+(?:=.*)?$/.test(rest.trim()) ? undefined : UNKNOWN),
};

/** `{long name}rest` or `xrest`. */
function readName(text: string): { readonly name: string; readonly rest: string } | undefined {
  const match = /^(?:\{([^}\s]+)\}|(\S))([\s\S]*)$/.exec(text);
  return match === null ? undefined : { name: match[1] ?? match[2]!, rest: match[3]! };
}

/** `O Name=value`, or `Oxvalue` in the old form. */
function readOption(rest: string, { config }: LineReading, origin: Origin): string | undefined {
  const long = /^ \s*([\w.-]+)\s*(?:=\s*([\s\S]*))?$/.exec(rest);
  if (long !== null) {
    const [, name = "", value = ""] = long;
    const option = optionNamed(name);
    if (option === undefined) {
      const guess = nearestOption(name);
      return `unknown option name ${name}${guess === undefined ? "" : `; did you mean ${guess}?`}`;
    }
    return giveOption(config, option.name, value.replaceAll("\n", " "), origin);
  }
  const letter = rest.charAt(0);
  if (letter.trim() === "") return UNKNOWN;
  if (letter === "r") return readTimeouts(config, rest.slice(1), origin);
  const option = optionLettered(letter);
  if (option === undefined) return `unknown option ${letter}`;
  return giveOption(config, option.name, rest.slice(1).trim(), origin);
}

/** Old `Orident=0s, quit=2m`; a time alone is for everything and changes nothing here. */
function readTimeouts(config: SendmailConfig, text: string, origin: Origin): string | undefined {
  for (const part of text.split(",")) {
    const [name = "", value] = part.trim().split("=");
    if (value === undefined) continue;
    const option = optionNamed(`Timeout.${name}`);
    if (option === undefined) return `unknown timeout ${name}`;
    giveOption(config, option.name, value, origin);
  }
  return undefined;
}

function giveOption(config: SendmailConfig, name: string, value: string, origin: Origin): undefined {
  const before = config.options.get(name) ?? [];
  config.options.set(name, [...before, { value, origin }]);
  return undefined;
}

/** `Mname, P=path, F=flags, …, A=arguments`. */
function readMailer(rest: string, { config }: LineReading, origin: Origin): string | undefined {
  const match = /^([\w-]+)\s*,\s*([\s\S]*)$/.exec(rest);
  if (match === null) return UNKNOWN;
  const [, name = "", equates = ""] = match;
  const path = /(?:^|[,\s])P\w*\s*=\s*([^,\n]*)/.exec(equates)?.[1]?.trim();
  const args = /(?:^|[,\s])A\w*\s*=\s*([\s\S]*)$/.exec(equates)?.[1]?.replace(/\s+/g, " ").trim();
  if (path === undefined || path === "") return `M${name}: P= argument required`;
  if (args === undefined || args === "") return `M${name}: A= argument required`;
  config.mailers.set(name, { value: { path, args }, origin });
  return undefined;
}

/** Headers that Sendmail's m4 files define; mailhost adds those that RFC 5321 and RFC 6409 ask for by itself. */
const STOCK_HEADERS = new Set(
  (
    "return-path received resent-date date resent-from from full-name resent-message-id message-id posted-date received-date " +
    "subject-none errors-to"
  ).split(" "),
);

function readHeader(rest: string, { config }: LineReading, origin: Origin): string | undefined {
  const match = /^\s*(?:\?[^?]*\?)?\s*([^\s:]+)\s*:/.exec(rest);
  if (match === null) return UNKNOWN;
  const name = match[1]!.toLowerCase();
  if (!STOCK_HEADERS.has(name) || /\$>/.test(rest)) {
    addNote(config, origin, `header ${match[1]}: written by hand, not carried over`);
  }
  return undefined;
}

/** A fault in the words that Sendmail has for it, which a postmaster may know and can search for. */
export class CfError extends ConfigError {
  constructor(file: string, line: number, reason: string) {
    super(file, line, onOneLine(reason));
    this.message =
      line > 0 ? `554 5.0.0 ${file}: line ${line}: ${this.reason}` : `554 5.0.0 ${file}: ${this.reason}`;
  }
}
