/**
 * Passwords of the system's accounts from shadow(5), where there is no PAM: locked and expired accounts and passwords are
 * refused, and unknown names take as long as known ones.
 */
import { readFileSync } from "node:fs";
import type { Clock } from "../clock.ts";
import { ConfigError } from "../errors.ts";
import { AccountsUnavailable } from "./account-errors.ts";
import { Decoys } from "./file-accounts.ts";
import { type Following, followFile } from "./followed-file.ts";
import { verifyPassword } from "./password.ts";
import { expiry } from "./shadow-fields.ts";
import type { User } from "./users-reading.ts";
import { parseUser } from "./users-reading.ts";
import { VerifiedPasswords } from "./verified-passwords.ts";

/** Checks a password against the file; the name is in lower case. */
export type ShadowCheck = (name: string, password: string) => Promise<boolean>;

/** Follows a shadow file: a changed one counts at once. */
export function openShadow(
  file: string,
  { clock, ...following }: Following & { readonly clock: Clock },
): ShadowCheck {
  const nobody: ReadonlyMap<string, User> = new Map();
  const shadow = followFile(file, { ...following, empty: nobody, read: () => readShadow(file) });
  const verified = new VerifiedPasswords(clock);
  const decoys = new Decoys();
  return async (name, password) => {
    const users = shadow.current();
    if (users.size === 0 && shadow.faults().length > 0)
      throw new AccountsUnavailable(shadow.faults()[0]!.message);
    const user = users.get(name);
    const hash = user === undefined || expiry(user.limits, clock.now()) !== undefined ? undefined : user.hash;
    if (hash === undefined) {
      await verifyPassword(decoys.hashFor(name, users), password);
      return false;
    }
    const credentials = { name, hash, password };
    if (verified.has(credentials)) return true;
    if (!(await verifyPassword(hash, password))) return false;
    verified.add(credentials);
    return true;
  };
}

function readShadow(file: string): { value: ReadonlyMap<string, User>; faults: ConfigError[] } {
  const value = new Map<string, User>();
  const faults: ConfigError[] = [];
  for (const [index, line] of readFileSync(file, "utf8").split("\n").entries()) {
    const name = line.split(":", 1)[0]!.toLowerCase();
    if (!line.includes(":") || name === "" || /^[#+-]/.test(name) || value.has(name)) continue;
    const user = parseUser(line);
    if (typeof user === "string")
      faults.push(new ConfigError(file, index + 1, user.replace("mailhost user passwd", "passwd")));
    else value.set(name, user);
  }
  return { value, faults };
}
