/**
 * Reading `etc/mail/users`, `name:hash` a line. Apart from what changes it and from the hashes' library: commands that only
 * look for a name load neither.
 */
import { readFileSync, statSync } from "node:fs";
import { ConfigError, errnoOf, messageOf } from "../errors.ts";
import { EX_NOPERM } from "../sysexits.ts";
import { textLines } from "../tables/map-text.ts";
import { accountNameFault } from "./account-name.ts";

/** The users of a file, and what is wrong with its other lines. */
export interface UsersRead {
  /** Hashes by name. */
  readonly users: ReadonlyMap<string, string>;
  readonly faults: ConfigError[];
}

/**
 * Reads the file; a missing one is empty.
 *
 * @throws ConfigError when it cannot be read, or when its mode lets others read or write it
 */
export function readUsers(file: string): UsersRead {
  const users = new Map<string, string>();
  const faults: ConfigError[] = [];
  readLines(file).forEach((line, index) => {
    const name = nameOf(line);
    if (name === undefined) return;
    const hash = line.slice(line.indexOf(":") + 1).trim();
    const fault = !line.includes(":")
      ? "expected name:hash"
      : (accountNameFault(name) ??
        (isPasswordHash(hash)
          ? undefined
          : `${name}: not an argon2 hash; set it with mailhost user passwd`) ??
        (users.has(name) ? `${name} comes twice; the first counts` : undefined));
    if (fault === undefined) users.set(name, hash);
    else faults.push(new ConfigError(file, index + 1, fault));
  });
  return { users, faults };
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

/** Whether a text is a hash that verifyPassword can read. */
export function isPasswordHash(text: string): boolean {
  return /^\$argon2(id|i|d)\$(v=\d+\$)?m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/.test(text);
}
