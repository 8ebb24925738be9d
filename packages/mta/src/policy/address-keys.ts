/**
 * The keys under which a client's address or a domain is looked up, most exact first.
 *
 * Networks are written as whole octets (`202.99.11` is 202.99.11.0/24) or whole groups of an IPv6 address
 * (`IPv6:2001:db8`); there are no masks, as in Sendmail.
 */
import { isIPv4, isIPv6 } from "node:net";

/**
 * Keys of an IP address: the address, then ever shorter parts of it. IPv6 keys begin with `ipv6:`; both the full form
 * (`ipv6:2001:db8:0:0:0:0:0:1`, Sendmail 8.15 and later) and the short one (`ipv6:2001:db8::1`) are tried.
 */
export function addressKeys(ip: string): string[] {
  if (isIPv4(ip)) {
    const octets = ip.split(".");
    return [4, 3, 2, 1].map((n) => octets.slice(0, n).join("."));
  }
  if (!isIPv6(ip)) return ip === "" ? [] : [ip.toLowerCase()];
  const groups = ipv6Groups(ip);
  const keys: string[] = [];
  for (let n = 8; n >= 1; n -= 1) keys.push(`ipv6:${groups.slice(0, n).join(":")}`);
  // The short form loses its last group, or `::` and that group, at each step.
  let short = shortIpv6(groups);
  while (short !== "") {
    const key = `ipv6:${short}`;
    if (!keys.includes(key)) keys.splice(insertionPoint(keys, short), 0, key);
    short = short.replace(/::?[^:]*$/, "");
  }
  return keys;
}

/** An IPv6 address as eight groups without leading zeros, lower case. */
export function ipv6Groups(ip: string): string[] {
  const text = ip
    .toLowerCase()
    .replace(/%.*$/, "")
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_m, a, b, c, d) => {
      const hex = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16);
      return `${hex(a, b)}:${hex(c, d)}`;
    });
  const [head = "", tail] = text.split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const middle =
    tail === undefined ? [] : new Array<string>(Math.max(0, 8 - front.length - back.length)).fill("0");
  return [...front, ...middle, ...back].map((g) => g.replace(/^0+(?=.)/, ""));
}

/** The short form of eight groups: the first longest run of two or more zeros becomes `::`. */
function shortIpv6(groups: readonly string[]): string {
  let best = { at: -1, length: 1 };
  for (let at = 0; at < groups.length; at += 1) {
    let length = 0;
    while (groups[at + length] === "0") length += 1;
    if (length > best.length) best = { at, length };
  }
  if (best.at < 0) return groups.join(":");
  return `${groups.slice(0, best.at).join(":")}::${groups.slice(best.at + best.length).join(":")}`;
}

/** Where a short-form key goes among full-form ones: before the first that names fewer groups. */
function insertionPoint(keys: readonly string[], short: string): number {
  const named = short.includes("::") ? ipv6Groups(short).length : short.split(":").length;
  const at = keys.findIndex((key) => !key.includes("::") && key.slice(5).split(":").length < named);
  return at < 0 ? keys.length : at;
}

/**
 * Keys of a domain: `a.b.c`, `b.c`, `c`. An address literal `[192.0.2.1]` loses its last octet at each step, inside the
 * brackets.
 */
export function domainKeys(domain: string): string[] {
  const name = domain.toLowerCase();
  if (name === "") return [];
  if (name.startsWith("[") && name.endsWith("]")) {
    return addressKeys(name.slice(1, -1).replace(/^ipv6:/, "")).map((key) => `[${key}]`);
  }
  const labels = name.split(".");
  return labels.map((_, i) => labels.slice(i).join("."));
}
