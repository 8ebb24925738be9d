/**
 * A host's settings and tables, as the decisions see them.
 */
import { domainKey } from "@mailhost/common/address";
import type { DracEntry } from "@mailhost/common/drac/drac-table";
import type { Settings } from "@mailhost/common/settings/settings";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import { findLocalDomain, ownDomainsOf } from "./local-domains.ts";
import type { PolicyFacts } from "./policy-facts.ts";

/** What the facts are made of. */
export interface HostParts {
  readonly settings: Pick<Settings, "hostname" | "policy">;
  readonly tables: Pick<SiteTables, "access" | "relayDomains" | "localHostNames"> &
    Partial<Pick<SiteTables, "domaintable">>;
  ownAddresses(): ReadonlySet<string>;
  /** The POP-before-SMTP entry of an address; absent: nobody has one. */
  drac?(ip: string): DracEntry | undefined;
  /** True for the container's gateway; absent: there is none. */
  isGateway?(ip: string): boolean;
}

/** The facts of the moment. */
export function hostPolicyFacts(parts: HostParts): PolicyFacts {
  const { hostname, policy } = parts.settings;
  const { access, relayDomains, localHostNames, domaintable } = parts.tables;
  return {
    access,
    relayDomains,
    rules: policy,
    hostname: domainKey(hostname),
    ownDomains: ownDomainsOf(hostname),
    localDomain: (domain) => findLocalDomain(domain, hostname, localHostNames, () => parts.ownAddresses()),
    renamed: (domain) => {
      const now = domaintable?.get(domain)?.trim();
      return now === undefined || now === "" ? undefined : domainKey(now);
    },
    drac: (ip) => parts.drac?.(ip),
    isGateway: (ip) => parts.isGateway?.(ip) ?? false,
  };
}
