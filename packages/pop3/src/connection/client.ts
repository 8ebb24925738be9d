/**
 * Who is at the other end, and what that allows.
 */

import type { HostName } from "./host-names.ts";

/** The other end of a connection. */
export interface Client {
  /** Its address as normalizeIp spells it, or the forwarder's when `hidden`. */
  readonly ip: string;
  /** Its own address is not known: `ip` may stand for anybody. */
  readonly hidden: boolean;
  /** The connection is encrypted. */
  readonly secure: boolean;
  /** Loopback, or in a network with RELAY in the access table, or in relay-domains. */
  readonly trusted: boolean;
  /** Its name; absent where names are not looked for. */
  readonly host?: HostName | undefined;
}

/** The client's host as log lines call it. */
export function hostOf({ host, ip }: Client): string {
  return host?.current ?? ip;
}
