/**
 * Prints a configuration as a `sendmail.cf`: ordinary `D`, `C`, `F`, `K`, `O`, `M` lines, and `#@` lines for what Sendmail can say
 * by rules only. {@link readCf} reads it back to the same configuration.
 */
import { BUILT } from "./cf.ts";
import type { SendmailConfig } from "./model.ts";

/** The text. `source` is the file that it was made from, as the comment shows it. */
export function writeCf(config: SendmailConfig, source: string): string {
  const lines = [
    `${BUILT} from ${oneLine(source)}`,
    "# mailhost reads this file where there is no mailhost.yaml. Change the .mc file, not this one, and build it again.",
    "# It holds no rulesets: what they do is said by the lines that begin with #@. Sendmail itself cannot run on it.",
    "V10",
  ];
  const section = (title: string, added: readonly string[]) => {
    if (added.length > 0) lines.push("", `# ${title}`, ...added);
  };
  section(
    "macros",
    [...config.macros].map(([name, { value }]) => `D${braced(name)}${oneLine(value)}`),
  );
  section(
    "classes",
    [...config.classes].flatMap(([name, { words, files }]) => [
      ...words.map(({ value }) => `C${braced(name)}${value}`),
      ...files.map(({ value }) => `F${braced(name)}${oneLine(value)}`),
    ]),
  );
  section(
    "maps",
    [...config.maps].map(
      ([name, { value }]) =>
        `K${name} ${[value.type, ...value.flags, value.path].filter((word) => word !== "").join(" ")}`,
    ),
  );
  section(
    "features",
    [...config.features].flatMap(([name, calls]) =>
      calls.map(({ value }) => `#@ FEATURE(${quoted(name, ...value)})`),
    ),
  );
  section(
    "mailhost's own settings",
    [...config.own].map(([path, { value }]) => `#@ MAILHOST_SETTING(${quoted(path, value)})`),
  );
  section(
    "options",
    [...config.options].flatMap(([name, given]) => given.map(({ value }) => `O ${name}=${oneLine(value)}`)),
  );
  section(
    "mailers",
    [...config.mailers].map(([name, { value }]) => `M${name}, P=${value.path}, A=${oneLine(value.args)}`),
  );
  section(
    "not carried over, or worth a look",
    config.notes.map(
      ({ file, line, text }) => `#@ NOTE(${JSON.stringify(file)}, ${line}, ${JSON.stringify(text)})`,
    ),
  );
  return `${lines.join("\n")}\n`;
}

function braced(name: string): string {
  return name.length === 1 ? name : `{${name}}`;
}

function quoted(...args: readonly string[]): string {
  return args.map((arg) => JSON.stringify(arg)).join(", ");
}

/** Line breaks within a value become blanks. */
function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ").trimEnd();
}
