/**
 * The people who have a mailbox here: those of etc/mail/users, then the system's.
 *
 * Both files are looked at by stat at every access and read again when they have changed. A users file that has
 * become unreadable, or readable for others, changes nothing: the last good one stays in force.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../clock.ts";
import type { ConfigError } from "../errors.ts";
import type { AccountSource } from "../settings/roaming-settings.ts";
import type { Site } from "../site.ts";
import { followFile } from "./followed-file.ts";
import { parsePasswd } from "./passwd-file.ts";
import { readUsers } from "./users-reading.ts";
import { VerifiedPasswords } from "./verified-passwords.ts";

/** One account. */
export interface Account {
  /** In lower case. */
  readonly name: string;
  /** `file`: etc/mail/users. `system`: the system's own accounts. */
  readonly source: "file" | "system";
  readonly uid?: number;
  readonly gid?: number;
  readonly home?: string;
  /** The login shell as passwd(5) has it; empty or absent: /bin/sh. */
  readonly shell?: string;
}

/** All accounts of a site, always current. */
export interface Accounts {
  /** The account of a name; its case does not matter. */
  find(name: string): Account | undefined;
  /**
   * The account when the password is right. Unknown names take as long as known ones; a password that was right a few
   * minutes ago takes no time.
   */
  verify(name: string, password: string): Promise<Account | undefined>;
  /** Every name, each once. */
  names(): string[];
}

/** Accounts that also say what is wrong with their files. */
export interface SiteAccounts extends Accounts {
  /** Faults of the files as they are now. */
  faults(): ConfigError[];
}

/** What the accounts work with. */
export interface AccountsParts {
  /** Told of faults that come up later, each once. */
  readonly onFault?: (fault: ConfigError) => void;
  /** How long a right password is remembered goes by it. */
  readonly clock?: Clock;
}

/**
 * Opens the accounts of a site.
 *
 * @param sources where accounts come from, in order; a name in both is the first one's, with the system's uid and home
 * @throws ConfigError when etc/mail/users cannot be read or its mode is too wide
 */
export function openAccounts(
  site: Site,
  sources: readonly AccountSource[],
  { onFault = () => undefined, clock = systemClock }: AccountsParts = {},
): SiteAccounts {
  const nobody: ReadonlyMap<string, string> = new Map();
  const users = followFile(site.usersFile, nobody, onFault, () => {
    const read = readUsers(site.usersFile);
    return { value: read.users, faults: read.faults };
  });
  const passwd = passwdFile(site);
  const system = followFile(passwd, new Map<string, Account>(), onFault, () => ({
    value: parsePasswd(readFileSync(passwd, "utf8")),
    faults: [],
  }));
  const usesFile = sources.includes("file");
  const usesSystem = sources.includes("system");
  if (usesFile) readUsers(site.usersFile);
  const verified = new VerifiedPasswords(clock);

  const find = (name: string): Account | undefined => {
    const key = name.toLowerCase();
    const own = usesFile && users.current().has(key);
    const theirs = usesSystem ? system.current().get(key) : undefined;
    return own && sources[0] === "file"
      ? { ...theirs, name: key, source: "file" }
      : (theirs ?? ownOnly(own, key));
  };
  return {
    find,
    async verify(name, password) {
      const account = find(name);
      const hash = account?.source === "file" ? users.current().get(account.name) : undefined;
      const credentials =
        account === undefined || hash === undefined ? undefined : { name: account.name, hash, password };
      if (credentials !== undefined && verified.has(credentials)) return account;
      // The hashes' library is loaded for the first password: most programs that look for names never see one.
      const { verifyPassword } = await import("./password.ts");
      if (!(await verifyPassword(hash, password))) return undefined;
      if (credentials !== undefined) verified.add(credentials);
      return account;
    },
    names: () => [
      ...new Set([
        ...(usesFile ? users.current().keys() : []),
        ...(usesSystem ? system.current().keys() : []),
      ]),
    ],
    faults() {
      if (usesFile) users.current();
      return usesFile ? [...users.faults()] : [];
    },
  };
}

function ownOnly(own: boolean, name: string): Account | undefined {
  return own ? { name, source: "file" } : undefined;
}

/** The root's own passwd file where there is one, else the system's. */
function passwdFile(site: Site): string {
  const own = join(site.root, "etc/passwd");
  return statSync(own, { throwIfNoEntry: false }) === undefined ? "/etc/passwd" : own;
}
