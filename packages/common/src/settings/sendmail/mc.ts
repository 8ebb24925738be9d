/**
 * Reads a `config.mc`, the source that Sendmail's m4 files make a `sendmail.cf` from, into a {@link SendmailConfig}: the same that
 * reading that `sendmail.cf` would give. The m4 files themselves are not needed.
 *
 * An unknown macro, FEATURE, define or raw line is refused with its place and the name that was probably meant.
 */
import { ConfigError } from "../../errors.ts";
import { ConfigFaults } from "./config-faults.ts";
import { type LineReading, readConfigLine, UNKNOWN } from "./config-lines.ts";
import { define, type M4, type M4Files, type OutputLine, runM4, startM4 } from "./m4.ts";
import { STOCK_DEFINES } from "./mc-defines.ts";
import { finishConfig } from "./mc-finish.ts";
import { DIVERSIONS, type McReading, nearestMacro, stockMacros } from "./mc-macros.ts";
import { emptyConfig, type SendmailConfig } from "./model.ts";
import { judgeRulesets, reportRules, ruleOf } from "./rulesets.ts";

/** Largest file that is read, characters. */
const MAX_SIZE = 1024 * 1024;

/**
 * Reads the text of a `config.mc`.
 *
 * @param file its name, for messages
 * @throws ConfigFaults with every fault and its place
 */
export function readMc(text: string, file: string, files: M4Files): SendmailConfig {
  if (text.length > MAX_SIZE)
    throw new ConfigFaults([new ConfigError(file, 0, "too large for a configuration")]);
  const reading: McReading = {
    config: emptyConfig(),
    faults: [],
    daemons: [],
    clients: [],
    mailers: new Map(),
    flags: new Set(),
  };
  const m4 = startM4(text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n"), file, withoutStock(files));
  // m4's comments end where cf.m4 begins, which is before the first line when the command line names it.
  if (!/include\([^)]*\bcf\.m4/.test(text)) m4.comment = "";
  for (const [name, body] of Object.entries(STOCK_DEFINES)) {
    define(m4, name, { kind: "text", body, origin: { file: "", line: 0 } });
  }
  for (const [name, macro] of Object.entries(stockMacros(m4, reading)))
    define(m4, name, { kind: "host", ...macro });
  try {
    const output = runM4(m4);
    finishConfig(m4, reading);
    readOutput(output, m4, reading);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    reading.faults.push(error);
  }
  if (reading.faults.length > 0) throw new ConfigFaults(reading.faults);
  return reading.config;
}

/** Files of Sendmail's own are known without being read. */
function withoutStock(files: M4Files): M4Files {
  return {
    read: (path) => {
      if (/(?:^|\/)m4\/(?:cf|cfhead|proto|version)\.m4$|(?:^|\/)cf\.m4$/.test(path))
        return { text: "changecom()", file: path };
      return files.read(path) ?? (/^\/etc\/mail\/m4\//.test(path) ? { text: "", file: path } : undefined);
    },
  };
}

/** The lines that were passed on: those of the head, LOCAL_CONFIG and MAILER_DEFINITIONS count, rules are reported. */
function readOutput(
  output: ReadonlyMap<number, readonly OutputLine[]>,
  m4: M4,
  { config, faults }: McReading,
): void {
  const lines: LineReading = { config, rulesets: [] };
  for (const diversion of [DIVERSIONS.head, DIVERSIONS.config, DIVERSIONS.mailers, DIVERSIONS.rulesets]) {
    for (const { text, origin } of folded(output.get(diversion) ?? [])) {
      if (text.startsWith("#")) continue;
      const call = /^\s*([A-Za-z_]\w+)\(/.exec(text);
      const fault =
        call === null || diversion === DIVERSIONS.rulesets ? readConfigLine(lines, text, origin) : UNKNOWN;
      if (fault === undefined) continue;
      const name = call?.[1] ?? /^\s*([A-Z][A-Z_0-9]{3,})\b/.exec(text)?.[1];
      const guess = name === undefined ? undefined : nearestMacro(m4, name);
      const meant = guess === undefined ? "" : `; did you mean ${guess}?`;
      const what =
        fault !== UNKNOWN
          ? fault
          : name === undefined
            ? `unknown configuration line ${JSON.stringify(text.slice(0, 120))}`
            : `unknown macro ${name}`;
      faults.push(new ConfigError(origin.file, origin.line, `${what}${fault === UNKNOWN ? meant : ""}`));
    }
  }
  judgeRulesets(config, lines.rulesets, false);
  for (const [name, diversion] of Object.entries(RULE_DIVERSIONS)) {
    const rules = folded(output.get(diversion) ?? []).filter(({ text }) => !text.startsWith("#"));
    reportRules(
      config,
      name,
      rules.map(({ text, origin }) => ruleOf(text, origin)),
    );
  }
}

/** Diversions that hold nothing but rules of the site's own. */
const RULE_DIVERSIONS: Readonly<Record<string, number>> = {
  LOCAL_NET_CONFIG: 1,
  LOCAL_RULE_3: 2,
  LOCAL_RULE_0: 3,
  LOCAL_UUCP: 4,
  LOCAL_DNSBL: 8,
};

/** Lines with their continuations, without empty ones. */
function folded(lines: readonly OutputLine[]): OutputLine[] {
  const whole: OutputLine[] = [];
  let open = false;
  for (const { text, origin } of lines) {
    if (text === "") open = false;
    if (text.trim() === "") continue;
    const last = whole.at(-1);
    if (/^[ \t]/.test(text) && open && last !== undefined) {
      whole[whole.length - 1] = { text: `${last.text}\n${text}`, origin: last.origin };
    } else whole.push({ text: text.trimEnd(), origin });
    open = true;
  }
  return whole;
}
