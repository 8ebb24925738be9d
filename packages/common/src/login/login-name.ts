/**
 * Whose account a login name stands for. The case of names does not matter, as with Qpopper's downcase-user.
 */
import type { Accounts } from "../accounts/accounts.ts";
import { domainKey, localPartKey, splitAddress } from "../address.ts";
import type { Settings } from "../settings/settings.ts";
import type { DomainSet } from "../tables/site-tables.ts";

/** What a login as this asks for beside the mailbox (Qpopper's user-no-mime). */
const NO_MIME_SUFFIX = "-no-mime";

/** What names are read by. */
export interface LoginNameParts {
  readonly settings: () => Pick<Settings, "hostname" | "pop3">;
  readonly accounts: () => Pick<Accounts, "find" | "hasDomain">;
  readonly tables: { readonly localHostNames: Pick<DomainSet, "has"> };
}

/** Whom a name stands for. */
export interface LoginName {
  /** The account's name; there may be none of it. */
  readonly account: string;
  /** Messages are to come without MIME. */
  readonly noMime: boolean;
}

/**
 * Reads a name as it was typed: `name`, `name@one-of-our-domains`, or either with `-no-mime` behind the name; a `%` may stand
 * for the `@`. In a domain that has users of its own it is theirs alone, but for plain accounts at the host's own name.
 */
export function loginName(parts: LoginNameParts, typed: string): LoginName {
  const { localPart, domain } = splitAddress(withAt(parts, typed));
  const key = domainKey(domain);
  if (domain === "" || !parts.accounts().hasDomain(key)) return read(parts, withoutDomain(parts, typed), "");
  const own = read(parts, localPartKey(localPart), `@${key}`);
  const isHost = key === domainKey(parts.settings().hostname);
  return isHost && parts.accounts().find(own.account) === undefined
    ? read(parts, localPartKey(localPart), "")
    : own;
}

/** @param at what belongs to the account behind its name */
function read(parts: LoginNameParts, name: string, at: string): LoginName {
  const { noMime } = parts.settings().pop3;
  const bare = name.slice(0, -NO_MIME_SUFFIX.length);
  // An account that is called so is itself.
  const suffixed = noMime && bare !== "" && name.endsWith(NO_MIME_SUFFIX);
  return suffixed && parts.accounts().find(name + at) === undefined
    ? { account: bare + at, noMime: true }
    : { account: name + at, noMime: false };
}

/** For clients that cannot send an `@` in a name: `alice%a.example`, where nobody is called that. */
function withAt(parts: LoginNameParts, typed: string): string {
  if (typed.includes("@") || !typed.includes("%") || parts.accounts().find(typed) !== undefined) return typed;
  return typed.replace(/%(?=[^%]*$)/, "@");
}

/** An address in another domain than ours is left whole, and nobody is called that, unless all domains are dropped. */
function withoutDomain(parts: LoginNameParts, typed: string): string {
  const { settings, tables } = parts;
  const { localPart, domain } = splitAddress(withAt(parts, typed));
  if (domain === "") return typed.toLowerCase();
  const ours = tables.localHostNames.has(domain) || domainKey(domain) === domainKey(settings().hostname);
  return ours || settings().pop3.trimDomain ? localPartKey(localPart) : typed.toLowerCase();
}
