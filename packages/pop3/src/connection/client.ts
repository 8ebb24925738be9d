/**
 * Who is at the other end, and what that allows.
 */

import { addressKeys } from "@mailhost/common/tables/address-keys";
import type { Table } from "@mailhost/common/tables/table";
import type { HostName } from "./host-names.ts";

/** The other end of a connection. */
export interface Client {
  /** Its address as normalizeIp spells it, or the forwarder's when `hidden`. */
  readonly ip: string;
  /** Its own address is not known: `ip` may stand for anybody. */
  readonly hidden: boolean;
  /** The connection is encrypted. */
  readonly secure: boolean;
  /** Loopback, or in a RELAY network of the access table. */
  readonly trusted: boolean;
  /** Its name; absent where names are not looked for. */
  readonly host?: HostName;
}

/** The client's host as log lines call it. */
export function hostOf({ host, ip }: Client): string {
  return host?.current ?? ip;
}

/** Whether an address, as normalizeIp spells it, is the host itself. As in Sendmail, the rest of 127/8 is not. */
export function isLoopback(ip: string): boolean {
  return ip === "127.0.0.1" || ip === "0:0:0:0:0:0:0:1";
}

/**
 * Whether the access table has RELAY for an address. The most specific entry decides; at each length `Connect:` comes
 * before the bare key.
 */
export function isRelayNetwork(ip: string, access: Table): boolean {
  for (const key of addressKeys(ip)) {
    const value = access.get(`connect:${key}`) ?? access.get(key);
    if (value !== undefined) return value.trim().toUpperCase() === "RELAY";
  }
  return false;
}
