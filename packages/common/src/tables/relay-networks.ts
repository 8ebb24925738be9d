/**
 * The networks that may relay by where they are: RELAY in access, relay-domains, this host itself.
 */
import { addressKeys } from "./address-keys.ts";
import type { Table } from "./table.ts";

/** Whether an address, as normalizeIp spells it, is the host itself. As in Sendmail, the rest of 127/8 is not. */
export function isLoopback(ip: string): boolean {
  return ip === "127.0.0.1" || ip === "0:0:0:0:0:0:0:1";
}

/**
 * Whether the access table has RELAY for an address. The most specific entry decides; at each length `Connect:` comes
 * before the bare key.
 */
export function isRelayNetwork(ip: string, access: Pick<Table, "get">): boolean {
  for (const key of addressKeys(ip)) {
    const value = access.get(`connect:${key}`) ?? access.get(key);
    if (value !== undefined) return value.trim().toUpperCase() === "RELAY";
  }
  return false;
}

/** Whether relay-domains names an address or a network that it is in. */
export function isInRelayDomains(ip: string, relayDomains: Pick<Table, "get">): boolean {
  return addressKeys(ip).some((key) => relayDomains.get(key) !== undefined);
}
