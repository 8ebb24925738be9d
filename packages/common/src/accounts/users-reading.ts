/**
 * Reading `etc/mail/users`: `name:hash` a line, or a line of shadow(5) or of a Dovecot passwd-file as it is. Apart from what
 * changes it and from the hashes' libraries: commands that only look for a name load neither.
 *
 * A line that can not be used is a fault and locks nobody else out.
 */
import { readFileSync, statSync } from "node:fs";
import { ConfigError, errnoOf, messageOf } from "../errors.ts";
import { EX_NOPERM } from "../sysexits.ts";
import { textLines } from "../tables/map-text.ts";
import { accountNameFault } from "./account-name.ts";
import { parsePassword } from "./password-format.ts";
import { type ShadowLimits, shadowLimits } from "./shadow-fields.ts";

/** One user of the file. */
export interface User {
  /** Undefined: locked, nobody logs in. Mail comes in all the same. */
  readonly hash: string | undefined;
  readonly limits: ShadowLimits;
}

/** The users of a file, and what is wrong with its other lines. */
export interface UsersRead {
  readonly users: ReadonlyMap<string, User>;
  readonly faults: ConfigError[];
}

/** Colons of a line of shadow(5). */
const SHADOW_FIELDS = 9;

/**
 * Reads the file; a missing one is empty.
 *
 * @throws ConfigError when it cannot be read, or when its mode lets others read or write it
 */
export function readUsers(file: string): UsersRead {
  const users = new Map<string, User>();
  const faults: ConfigError[] = [];
  readLines(file).forEach((line, index) => {
    const name = nameOf(line);
    if (name === undefined) return;
    const found = line.includes(":") ? parseUser(line) : "expected name:hash";
    const fault =
      typeof found === "string"
        ? found
        : (accountNameFault(name) ?? (users.has(name) ? `${name} comes twice; the first counts` : undefined));
    if (fault === undefined) users.set(name, found as User);
    else faults.push(new ConfigError(file, index + 1, fault));
  });
  return { users, faults };
}

/** Reads what stands behind a name; a text says why it can not be used. */
export function parseUser(line: string): User | string {
  const fields = line.split(":").map((field) => field.trim());
  const [name = "", password = ""] = fields;
  const stored = parsePassword(password);
  const how = "set it with mailhost user passwd";
  if (stored.kind === "unknown") return `${name}: ${stored.fault}; ${how}`;
  if (stored.kind === "clear")
    return `${name}: a password in clear; ${how}, or mailhost user import hashes it`;
  // Dovecot's extra fields come last; `nologin` among them locks the account.
  const locked = stored.kind === "locked" || /(?:^|\s)nologin(?:=[^\s]*)?(?:\s|$)/.test(fields[7] ?? "");
  return {
    hash: locked ? undefined : stored.hash,
    limits: fields.length === SHADOW_FIELDS ? shadowLimits(fields) : {},
  };
}

/**
 * The lines of the file; none where there is no file.
 *
 * @throws ConfigError as {@link readUsers}
 */
export function readLines(file: string): string[] {
  try {
    const mode = statSync(file).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      const octal = mode.toString(8).padStart(4, "0");
      throw new ConfigError(file, 0, `mode ${octal} lets others at the hashes; chmod 600 it`, EX_NOPERM);
    }
    return textLines(readFileSync(file, "utf8"));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(file, 0, `cannot be read: ${messageOf(error)}`, EX_NOPERM);
  }
}

/** The name of a line; undefined for comments and empty lines. */
export function nameOf(line: string): string | undefined {
  if (line.trim() === "" || line.startsWith("#")) return undefined;
  return line.split(":", 1)[0]!.trim();
}
