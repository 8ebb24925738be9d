/**
 * "Ourselves" by address and port: what we listen on (DESIGN section 7.4). Mail that DNS sends to such a place would come
 * back to us.
 */
import { isIPv4 } from "node:net";
import { comparable } from "./policy/local-domains.ts";

/** A place we listen on, as the system tells it. */
export interface BoundAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * Tells whether an address and port is one that we listen on. A listener on all addresses (`0.0.0.0`, `::`) covers those
 * of the host's interfaces and all of loopback.
 *
 * @param interfaces in the form of policy/local-domains.ts, see `comparable`
 */
export function isBoundHere(
  ip: string,
  port: number,
  bound: readonly BoundAddress[],
  interfaces: ReadonlySet<string>,
): boolean {
  const address = comparable(ip);
  return bound.some((b) => {
    if (b.port !== port) return false;
    if (comparable(b.address) === address) return true;
    const covers = b.address === "::" || (b.address === "0.0.0.0" && isIPv4(ip));
    return covers && (interfaces.has(address) || isLoopback(address) || address === comparable(b.address));
  });
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === comparable("::1");
}
