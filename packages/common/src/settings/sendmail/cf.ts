/**
 * Reads a `sendmail.cf`, one that Sendmail's m4 files made, one that `mailhost build` made, or one written by hand, into a
 * {@link SendmailConfig}. Nothing in it is silently ignored: what is not carried over gets a note with its line, what no
 * `sendmail.cf` can hold is refused in Sendmail's words.
 *
 * Lines of mailhost's own are comments to Sendmail:
 *
 *     #@ FEATURE("delay_checks", "friend")
 *     #@ MAILHOST_SETTING("dns.servers", "127.0.0.1:5353")
 *     #@ NOTE("config.mc", 31, "…")
 */

import { cfLines } from "./cf-lines.ts";
import { ConfigFaults } from "./config-faults.ts";
import { CfError, type LineReading, readConfigLine, UNKNOWN } from "./config-lines.ts";
import { FEATURES } from "./features.ts";
import { addFeature, addNote, emptyConfig, type Origin, type SendmailConfig } from "./model.ts";
import { recogniseFeatures } from "./rule-features.ts";
import { judgeRulesets } from "./rulesets.ts";

/** Largest file that is read, characters. */
const MAX_SIZE = 8 * 1024 * 1024;

/**
 * Reads the text of a `sendmail.cf`.
 *
 * @param file its name, for messages
 * @throws ConfigFaults, whose message is `554 5.0.0 FILE: line N: …` for each fault
 */
export function readCf(text: string, file: string): SendmailConfig {
  if (text.length > MAX_SIZE) throw new CfError(file, 0, "too large for a configuration");
  const reading: LineReading = { config: emptyConfig(), rulesets: [] };
  const { config } = reading;
  const named = new Map<string, Origin>();
  const faults: CfError[] = [];
  let built = false;
  for (const { text: line, line: number } of cfLines(text.replace(/^\uFEFF/, ""))) {
    const origin = { file, line: number };
    if (line.startsWith("#")) {
      const reason = readOwnLine(config, line, origin);
      if (reason !== undefined) faults.push(new CfError(file, number, reason));
      if (line.startsWith(BUILT)) built = true;
      const name = VERSION_COMMENT.exec(line)?.[1];
      if (name !== undefined && !named.has(name)) named.set(name, origin);
      continue;
    }
    const fault = readConfigLine(reading, line, origin);
    if (fault === UNKNOWN) {
      faults.push(new CfError(file, number, `unknown configuration line ${JSON.stringify(shown(line))}`));
    } else if (fault !== undefined) faults.push(new CfError(file, number, fault));
  }
  if (faults.length > 0) throw new ConfigFaults(faults);
  const version = config.macros.get("Z")?.value.split("/")[0]?.trim();
  if (version !== undefined) config.version = version;
  // Its m4 files name themselves; a file without any comments still has their rulesets.
  const stock =
    named.has("proto") || reading.rulesets.some((set) => set.name === "canonify" || set.name === "3");
  if (!built) {
    if (stock) recogniseFeatures(config, reading.rulesets, named);
    judgeRulesets(config, reading.rulesets, stock);
  }
  return config;
}

/** How a file that `mailhost build` made begins. */
export const BUILT = "#@ mailhost build";

const VERSION_COMMENT = /^#####\s+\$Id: ([\w.-]+)\.m4[ ,]/;

/** Long or strange lines, so that a message stays one line. */
function shown(line: string): string {
  const first = line.split("\n")[0]!;
  return first.length > 120 ? `${first.slice(0, 120)}…` : first;
}

/** A `#@` line; any other comment is left alone. */
function readOwnLine(config: SendmailConfig, line: string, origin: Origin): string | undefined {
  const match = /^#@\s*(FEATURE|MAILHOST_SETTING|NOTE)\((.*)\)\s*$/.exec(line);
  if (match === null) return undefined;
  const [, what, list = ""] = match;
  const args = readArguments(list);
  if (args === undefined) return `${what}: expected texts in double quotes, with commas between them`;
  const [first = "", second = "", third = ""] = args.map(String);
  if (what === "FEATURE") {
    if (!Object.hasOwn(FEATURES, first)) return `unknown FEATURE ${JSON.stringify(first)}`;
    addFeature(config, first, args.slice(1).map(String), origin);
  } else if (what === "MAILHOST_SETTING") {
    if (args.length !== 2) return "MAILHOST_SETTING takes a setting and its value";
    config.own.set(first, { value: second, origin });
  } else addNote(config, { file: first, line: Number(second) || 0 }, third);
  return undefined;
}

function readArguments(list: string): readonly (string | number)[] | undefined {
  try {
    const args: unknown = JSON.parse(`[${list}]`);
    return Array.isArray(args) && args.every((arg) => typeof arg === "string" || typeof arg === "number")
      ? (args as (string | number)[])
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
