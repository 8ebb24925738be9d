/**
 * Addresses as the decisions see them: under the name that domaintable gives their domain (Sendmail's rulesets make every address
 * canonical before they look it up), and what a local part that carries a route leads to.
 */
import { domainKey, joinAddress, splitAddress } from "@mailhost/common/address";
import type { Lookup } from "./access-lookup.ts";
import type { PolicyFacts } from "./policy-facts.ts";

/** The address with its domain renamed; replies go on naming what was given. */
export function judgedAddress(address: string, facts: PolicyFacts, lookups?: Lookup[]): string {
  const { localPart, domain } = splitAddress(address);
  const now = domain === "" ? undefined : facts.renamed?.(domainKey(domain));
  if (now === undefined) return address;
  lookups?.push({ table: "domaintable", key: domainKey(domain), value: now });
  return joinAddress({ localPart, domain: now });
}

/** True for a local part that tells another host where to send on: class O of Sendmail's rulesets. */
export function hasRoute(name: string): boolean {
  return /[%!@]/.test(name);
}

/**
 * Where `u@b`, `b!u` or `u%b` leads, read as Sendmail does: the last `@`, else the first `!`, else the last `%`.
 *
 * @param name a local part without quotes
 * @returns undefined when it leads nowhere
 */
export function routedAddress(name: string): string | undefined {
  const [at, bang, percent] = [name.lastIndexOf("@"), name.indexOf("!"), name.lastIndexOf("%")];
  const [user, host] =
    at >= 0
      ? [name.slice(0, at), name.slice(at + 1)]
      : bang >= 0
        ? [name.slice(bang + 1), name.slice(0, bang)]
        : [name.slice(0, Math.max(0, percent)), name.slice(percent + 1)];
  return user === "" || host === "" ? undefined : `${user}@${host}`;
}
