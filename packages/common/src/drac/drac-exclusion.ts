/**
 * Whose addresses the DRAC table does not hold: those that many people are behind, and those that may relay without it.
 */
import { normalizeIp } from "../ip-address.ts";
import { type NetworkList, networkList } from "../network-list.ts";
import type { Settings } from "../settings/settings.ts";
import { isInRelayDomains, isLoopback, isRelayNetwork } from "../tables/relay-networks.ts";
import type { SiteTables } from "../tables/site-tables.ts";

/** Both questions are answered by a reason; undefined: no. */
export interface DracExclusion {
  /** Why an address never relays by DRAC, whatever the table says. */
  never(ip: string): string | undefined;
  /** Why an entry for it would change nothing. Each would cost a write to the disk. */
  needless(ip: string): string | undefined;
}

/** What it is decided by. */
export interface DracExclusionParts {
  readonly settings: () => Pick<Settings, "drac" | "smtp" | "pop3">;
  readonly tables: Pick<SiteTables, "access" | "relayDomains">;
  /** Addresses of the container's gateways. */
  readonly gateways: ReadonlySet<string>;
}

/** Makes the questions; settings and tables are asked each time. */
export function dracExclusion({ settings, tables, gateways }: DracExclusionParts): DracExclusion {
  let entries: readonly string[] | undefined;
  let networks: NetworkList = networkList([]);
  return {
    never(given) {
      const ip = normalizeIp(given);
      if (ip === undefined) return "it is no address";
      const { drac, smtp, pop3 } = settings();
      if (entries !== drac.never) {
        entries = drac.never;
        networks = networkList(entries);
      }
      if (networks.has(ip)) return "drac.never names it";
      if (gateways.has(ip)) return "it is the container's gateway, which everybody is behind";
      return [...smtp.proxyProtocol, ...pop3.proxyProtocol].some((proxy) => normalizeIp(proxy) === ip)
        ? "it is a forwarder of ours (proxyProtocol), which many are behind"
        : undefined;
    },
    needless(given) {
      const ip = normalizeIp(given) ?? given;
      if (isLoopback(ip)) return "it is this host, which may relay anyway";
      if (isRelayNetwork(ip, tables.access)) return "access has RELAY for it already";
      return isInRelayDomains(ip, tables.relayDomains) ? "relay-domains has it already" : undefined;
    },
  };
}
