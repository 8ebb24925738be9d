/**
 * Prints settings as a mailhost.yaml, each with where it comes from.
 */
import { NO_LIMIT } from "./option.ts";
import { OPTIONS, type Option } from "./options.ts";
import type { ListenAddress } from "./settings.ts";
import { formatDuration, formatListenAddress } from "./units.ts";

/**
 * The text of a mailhost.yaml that means these settings. Unset ones are left out.
 *
 * @param values by path, as readers hold them
 * @param comment what stands behind a setting as a comment; empty: nothing
 */
export function printSettings(
  values: ReadonlyMap<string, unknown>,
  comment: (path: string) => string,
): string {
  const lines: string[] = [];
  let group: string | undefined;
  for (const option of OPTIONS) {
    const value = values.get(option.path);
    if (value === undefined) continue;
    const [first = "", ...rest] = option.path.split(".");
    if (rest.length > 0 && first !== group) lines.push(`${first}:`);
    group = rest.length > 0 ? first : undefined;
    const said = comment(option.path);
    const key = rest.length > 0 ? `  ${rest.join(".")}` : first;
    lines.push(`${key}: ${written(option, value)}${said === "" ? "" : ` # ${said}`}`);
  }
  return `${lines.join("\n")}\n`;
}

function written(option: Option, value: unknown): string {
  switch (option.kind) {
    case "duration":
      return formatDuration(value as number);
    case "size":
      return value === NO_LIMIT ? "unlimited" : writtenSize(value as number);
    case "integer":
      return value === NO_LIMIT ? "unlimited" : String(value as number);
    case "addresses":
      return list((value as readonly ListenAddress[]).map(formatListenAddress));
    case "strings":
    case "networks":
    case "accounts":
      return list(value as readonly string[]);
    case "path":
      return value === "" ? "false" : JSON.stringify(value);
    case "string":
      return JSON.stringify(value);
    default:
      return String(value as string | number | boolean);
  }
}

function writtenSize(octets: number): string {
  for (const [unit, size] of [
    ["MiB", 1024 ** 2],
    ["KiB", 1024],
  ] as const) {
    if (octets > 0 && octets % size === 0) return `${octets / size}${unit}`;
  }
  return String(octets);
}

function list(items: readonly string[]): string {
  return `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
}
