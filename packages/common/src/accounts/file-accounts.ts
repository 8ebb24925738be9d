/**
 * The accounts of etc/mail/users: who there is, and whether a password is right.
 */
import { createHmac, randomBytes } from "node:crypto";
import { domainKey } from "../address.ts";
import type { Clock } from "../clock.ts";
import type { ConfigError } from "../errors.ts";
import type { Site } from "../site.ts";
import { type Following, followFile } from "./followed-file.ts";
import { ownDomains } from "./own-domains.ts";
import { expiry } from "./shadow-fields.ts";
import { readUsers, type User } from "./users-reading.ts";
import { VerifiedPasswords } from "./verified-passwords.ts";

/** The file's accounts, always current. */
export interface FileAccounts {
  /** What there is of a name: whether the account, or its password, has expired. */
  find(name: string): { readonly expired: boolean } | undefined;
  names(): string[];
  /** Whether a domain has users here. */
  hasDomain(domain: string): boolean;
  /** Whether the password is right. A name that is not there takes as long as one that is. */
  check(name: string, password: string): Promise<boolean>;
  faults(): readonly ConfigError[];
  close(): void;
}

/**
 * Follows the file.
 *
 * @throws ConfigError when it cannot be read or its mode is too wide
 */
export function openFileAccounts(
  site: Site,
  { clock, ...following }: Following & { readonly clock: Clock },
): FileAccounts {
  readUsers(site.usersFile);
  const nobody: ReadonlyMap<string, User> = new Map();
  const file = followFile(site.usersFile, {
    ...following,
    empty: nobody,
    read: () => {
      const { users: value, faults } = readUsers(site.usersFile);
      return { value, faults };
    },
  });
  const verified = new VerifiedPasswords(clock);
  const decoys = new Decoys();
  return {
    find(name) {
      const user = file.current().get(name);
      return user && { expired: expiry(user.limits, clock.now()) !== undefined };
    },
    names: () => [...file.current().keys()],
    hasDomain: (domain) => ownDomains(file.current()).has(domainKey(domain)),
    async check(name, password) {
      const users = file.current();
      const user = users.get(name);
      const hash =
        user === undefined || expiry(user.limits, clock.now()) !== undefined ? undefined : user.hash;
      if (hash === undefined) {
        await fits(decoys.hashFor(name, users), password);
        return false;
      }
      const credentials = { name, hash, password };
      if (verified.has(credentials)) return true;
      if (!(await fits(hash, password))) return false;
      verified.add(credentials);
      return true;
    },
    faults() {
      file.current();
      return file.faults();
    },
    close: () => file.close(),
  };
}

/** The hashes' libraries are loaded for the first password: most programs that look for names never see one. */
async function fits(hash: string | undefined, password: string): Promise<boolean> {
  const { verifyPassword } = await import("./password.ts");
  return await verifyPassword(hash, password);
}

type Users = ReadonlyMap<string, { readonly hash: string | undefined }>;

/**
 * Whose hash stands in for the one of a name that is not there. Kinds of hashes differ in what they cost: with each unknown
 * name standing for one of the users, and for the same each time, the time of an answer does not tell which names exist.
 */
export class Decoys {
  readonly #key = randomBytes(32);
  /** By the users they are of: whoever guesses names must not have thousands of users gone through each time. */
  readonly #hashes = new WeakMap<Users, readonly string[]>();

  /** @param users a map that does not change any more */
  hashFor(name: string, users: Users): string | undefined {
    let hashes = this.#hashes.get(users);
    if (hashes === undefined) {
      hashes = [...users.values()].map((user) => user.hash).filter((hash) => hash !== undefined);
      this.#hashes.set(users, hashes);
    }
    return hashes[this.pick(name, hashes.length)];
  }

  /** A number below `count` that is always the same for a name. */
  pick(name: string, count: number): number {
    if (count === 0) return 0;
    return createHmac("sha256", this.#key).update(name).digest().readUInt32LE(0) % count;
  }
}
