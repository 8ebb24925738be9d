/**
 * Prints the table of options as the page docs/configuration.md, so that the page can never say anything else.
 */
import { OPTIONS, type Option } from "./options.ts";
import type { ListenAddress } from "./settings.ts";
import { formatDuration, formatListenAddress } from "./units.ts";

const INTRODUCTION = `# Settings

\`etc/mail/mailhost.yaml\` below the site root. Every key is optional. An unknown key or a bad value stops the start with
file, line, key and what would be right.

Durations are a number with ms, s, m, h, d or w (\`1h30m\` too); sizes are bytes or a number with KiB, MiB or GiB; a number or size that
has no highest value may be \`unlimited\`. A list may be written as one value; an empty list (\`[]\`) means none. This page is printed from the table in
packages/common/src/settings/options.ts; a test keeps it so.
`;

/** The page, in Markdown. */
export function describeSettings(): string {
  const rows = OPTIONS.map(
    (o) => `| \`${o.path}\` | ${shownDefault(o)} | ${documented(o).replaceAll("|", "\\|")} |`,
  );
  return `${INTRODUCTION}\n| setting | default | meaning |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

/** The sentence, with the words that a choice is between. */
function documented({ doc, choices }: Option): string {
  return choices === undefined ? doc : `${doc} One of ${choices.join(", ")}.`;
}

function shownDefault(option: Option): string {
  if (option.path === "hostname") return "the machine's name";
  const text = writtenDefault(option);
  return text === undefined || text === "" ? "unset" : `\`${text}\``;
}

/** The default as it would be written in the file; undefined: unset. */
export function writtenDefault(option: Option): string | undefined {
  const value = option.default();
  if (value === undefined) return undefined;
  switch (option.kind) {
    case "duration":
      return formatDuration(value as number);
    case "size":
      return value === 0 ? "0" : `${(value as number) / 1024 ** 2}MiB`;
    case "addresses":
      return `[${(value as readonly ListenAddress[]).map((a) => JSON.stringify(formatListenAddress(a))).join(", ")}]`;
    case "strings":
    case "networks":
    case "accounts":
      return `[${(value as readonly string[]).join(", ")}]`;
    default:
      return String(value as string | number | boolean);
  }
}
