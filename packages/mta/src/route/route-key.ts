/**
 * The key of a destination: two domains with the same MX hosts have the same key, and so share connections, waiting
 * times and one copy of a message.
 */
import { createHash } from "node:crypto";

/** What tells one destination from another. */
export interface KeyPart {
  readonly name: string;
  readonly preference: number;
  readonly port: number;
}

/** Keys are kept below this many characters: the store takes no key of any length. */
const LONGEST_KEY = 400;

/**
 * The key for a set of hosts: `10 mail.example.com:25, 20 mail1.example.com:25`. The order in which the hosts are
 * given does not matter.
 */
export function routeKey(hosts: readonly KeyPart[]): string {
  const parts = hosts
    .map((host) => ({ preference: host.preference, text: `${host.name.toLowerCase()}:${host.port}` }))
    .sort((a, b) => a.preference - b.preference || (a.text < b.text ? -1 : 1))
    .map((part) => `${part.preference} ${part.text}`);
  const key = parts.join(", ");
  if (key.length <= LONGEST_KEY) return key;
  const digest = createHash("sha256").update(key).digest("hex").slice(0, 32);
  return `${key.slice(0, LONGEST_KEY - 36)}… ${digest}`;
}
