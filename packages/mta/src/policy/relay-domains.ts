/**
 * Look-ups in class R (relay-domains, RELAY_DOMAIN) and class m.
 */
import { domainKeys } from "@mailhost/common/tables/address-keys";
import { isDomainName, type Lookup } from "./access-lookup.ts";
import type { PolicyFacts } from "./policy-facts.ts";

/** The first of some keys that class R has, as a reason; every look-up goes to `lookups`. */
export function relayDomainsEntry(
  keys: readonly string[],
  facts: PolicyFacts,
  lookups: Lookup[],
): string | undefined {
  for (const key of keys) {
    const value = facts.relayDomains.get(key);
    lookups.push({ table: "relay-domains", key, value });
    if (value !== undefined) return `relay-domains: ${key}`;
  }
  return undefined;
}

/** A domain in class R: itself, and unless FEATURE(relay_hosts_only) is set the domains it is in. */
export function relayDomainOf(domain: string, facts: PolicyFacts, lookups: Lookup[]): string | undefined {
  if (!isDomainName(domain)) return undefined;
  const keys = facts.rules.relayHostsOnly ? [domain] : domainKeys(domain);
  return relayDomainsEntry(keys, facts, lookups);
}

/** FEATURE(relay_entire_domain): a domain that is, or is in, one that the host itself is in (class m). */
export function ownDomainOf(domain: string, facts: PolicyFacts, lookups: Lookup[]): string | undefined {
  if (!facts.rules.relayEntireDomain || !isDomainName(domain)) return undefined;
  const own = facts.ownDomains.find((name) => domain === name || domain.endsWith(`.${name}`));
  lookups.push({ table: "class m", key: domain, value: own });
  return own === undefined ? undefined : `relayEntireDomain: ${own}`;
}
