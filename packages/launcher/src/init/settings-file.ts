/**
 * The first mailhost.yaml of a site: what was asked for, and every other setting shown with its default, commented out.
 */
import { OPTIONS, type Option } from "@mailhost/common/settings/options";
import type { ListenAddress } from "@mailhost/common/settings/settings";
import { formatDuration, formatListenAddress } from "@mailhost/common/settings/units";

/** Settings with no default, shown by an example. */
const EXAMPLES: Readonly<Record<string, string>> = {
  "relay.smartHost": '"[relay.isp.net]:587"',
  "run.user": "mail",
  "run.group": "mail",
};

const HEAD = `# Settings of this mail host. Everything is optional; a line with # shows the default.
# Durations: 30s, 20m, 4h, 5d. Sizes: 25MiB. A list left empty ([]) means none.
# There are more, for those who come from Sendmail: man mailhost.yaml. After a change: \`mailhost check\`, then kill -HUP (listeners: a restart).
`;

/**
 * The text of the file.
 *
 * @param given values by path, as they are written in YAML
 */
export function settingsFile(given: ReadonlyMap<string, string>): string {
  const groups = new Map<string, Option[]>();
  for (const option of OPTIONS.filter(({ expert }) => expert !== true)) {
    const group = option.path.includes(".") ? option.path.slice(0, option.path.indexOf(".")) : "";
    groups.set(group, [...(groups.get(group) ?? []), option]);
  }
  let text = HEAD;
  for (const [group, options] of groups) {
    const indent = group === "" ? "" : "  ";
    text += group === "" ? "" : `\n${group}:\n`;
    for (const option of options) {
      if (group === "") text += "\n";
      const name = option.path.slice(group === "" ? 0 : group.length + 1);
      const value = given.get(option.path);
      text += `${indent}# ${option.doc}\n`;
      text +=
        value === undefined
          ? `${indent}# ${name}: ${shownDefault(option)}\n`
          : `${indent}${name}: ${value}\n`;
    }
  }
  return text;
}

function shownDefault(option: Option): string {
  const value = option.default();
  if (value === undefined) return EXAMPLES[option.path] ?? '""';
  switch (option.kind) {
    case "duration":
      return formatDuration(value as number);
    case "size":
      return `${(value as number) / 1024 ** 2}MiB`;
    case "addresses":
      return JSON.stringify((value as readonly ListenAddress[]).map(formatListenAddress)).replaceAll(
        ",",
        ", ",
      );
    case "strings":
    case "networks":
    case "accounts":
      return `[${(value as readonly string[]).join(", ")}]`;
    default:
      return value === "" ? '""' : String(value as string | number | boolean);
  }
}
