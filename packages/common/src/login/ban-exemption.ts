/**
 * Who is never banned, and why: this host, what hides many people, networks that may relay, and what bans.exempt names.
 */
import { normalizeIp } from "../ip-address.ts";
import { type NetworkList, networkList } from "../network-list.ts";
import type { Settings } from "../settings/settings.ts";
import { isInRelayDomains, isLoopback, isRelayNetwork } from "../tables/relay-networks.ts";
import type { SiteTables } from "../tables/site-tables.ts";

/** What it is decided by. */
export interface ExemptionParts {
  readonly settings: () => Settings;
  readonly tables: Pick<SiteTables, "access" | "relayDomains">;
  /** Addresses of the container's gateways: everybody is behind them. */
  readonly gateways: ReadonlySet<string>;
}

/** Why an address is not banned; undefined: it may be. */
export type BanExemption = (ip: string) => string | undefined;

/** Makes the question; the tables are asked each time, so what changes in them counts at once. */
export function banExemption({ settings, tables, gateways }: ExemptionParts): BanExemption {
  let entries: readonly string[] | undefined;
  let exempt: NetworkList = networkList([]);
  return (given) => {
    const ip = normalizeIp(given);
    if (ip === undefined) return "it is no address";
    const { bans, smtp, pop3 } = settings();
    if (isLoopback(ip)) return "it is this host";
    if (gateways.has(ip)) return "it is the container's gateway, which everybody is behind";
    if ([...smtp.proxyProtocol, ...pop3.proxyProtocol].some((proxy) => normalizeIp(proxy) === ip)) {
      return "it is a forwarder of ours (proxyProtocol), which many are behind";
    }
    if (entries !== bans.exempt) {
      entries = bans.exempt;
      exempt = networkList(entries);
    }
    if (exempt.has(ip)) return "bans.exempt names it";
    if (!bans.exemptRelay) return undefined;
    if (isRelayNetwork(ip, tables.access)) return "access has RELAY for it (bans.exemptRelay)";
    return isInRelayDomains(ip, tables.relayDomains) ? "relay-domains has it (bans.exemptRelay)" : undefined;
  };
}
