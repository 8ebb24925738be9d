/**
 * The domains that have users of their own: those of names such as `alice@a.example`.
 */
import { splitMailboxName } from "../mbox/mailbox-name.ts";

/** Domains by the users they are of: a file is read anew when it changes, and only then are they looked for. */
const known = new WeakMap<ReadonlyMap<string, unknown>, ReadonlySet<string>>();

/** The domains of users by name. The map must not change any more. */
export function ownDomains(users: ReadonlyMap<string, unknown>): ReadonlySet<string> {
  let domains = known.get(users);
  if (domains === undefined) {
    domains = domainsOf(users.keys());
    known.set(users, domains);
  }
  return domains;
}

/** The domains in names. */
export function domainsOf(names: Iterable<string>): ReadonlySet<string> {
  const domains = new Set<string>();
  for (const name of names) {
    const { domain } = splitMailboxName(name);
    if (domain !== "") domains.add(domain);
  }
  return domains;
}
