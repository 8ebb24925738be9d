/**
 * IP addresses in the one spelling in which they are compared and kept.
 *
 * An address reaches us as `::ffff:202.99.11.9`, `2001:DB8::1` or `2001:db8:0:0:0:0:0:1`, depending on who wrote it.
 * {@link normalizeIp} gives all spellings of one address the same text: dotted IPv4 (also for IPv4-mapped IPv6), or
 * eight IPv6 groups in lower-case hexadecimal without leading zeros and without `::`.
 */
import { isIPv4, isIPv6 } from "node:net";

/**
 * The comparable spelling of an address.
 *
 * @param text IPv4 or IPv6; brackets, an `IPv6:` tag and a zone (`%eth0`) are taken off
 * @returns undefined for anything that is no address
 */
export function normalizeIp(text: string): string | undefined {
  if (text === lastText) return lastAddress;
  const address = normalized(text);
  lastText = text;
  lastAddress = address;
  return address;
}

/** A session asks a dozen times in a row for the address of one client. */
let lastText = "";
let lastAddress: string | undefined;

function normalized(text: string): string | undefined {
  if (isIPv4(text)) return text;
  const bare = text
    .replace(/^\[(.*)\]$/, "$1")
    .replace(/^ipv6:/i, "")
    .replace(/%.*$/, "");
  if (isIPv4(bare)) return bare;
  const groups = ipv6Groups(bare);
  if (groups === undefined) return undefined;
  return mappedIPv4(groups) ?? groups.join(":");
}

/**
 * The eight groups of an IPv6 address, each without leading zeros.
 *
 * @returns undefined for anything that is no IPv6 address
 */
export function ipv6Groups(text: string): string[] | undefined {
  if (!isIPv6(text) || text.includes("%")) return undefined;
  const [head = "", tail] = dottedEndAsGroups(text).split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(zeros).fill("0"), ...right].map(shortGroup);
}

/** A group of hexadecimal digits as it is compared: `0DB8` is `db8`. */
export function shortGroup(group: string): string {
  return group.toLowerCase().replace(/^0+(?=.)/, "");
}

/** `::ffff:1.2.3.4` with its dotted end written as two groups. */
function dottedEndAsGroups(text: string): string {
  return text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((n) => n.toString(16)).join(":"),
  );
}

/** The IPv4 address inside `::ffff:0:0/96` (RFC 4291 section 2.5.5.2). */
function mappedIPv4(groups: readonly string[]): string | undefined {
  if (groups.slice(0, 5).some((g) => g !== "0") || groups[5] !== "ffff") return undefined;
  return groups
    .slice(6)
    .map((g) => Number.parseInt(g, 16))
    .flatMap((n) => [n >> 8, n & 0xff])
    .join(".");
}

/**
 * An address as Sendmail writes it into log, replies and Received: IPv6 with its tag and every group, `IPv6:2001:db8:0:0:0:0:0:1`.
 * What is no address stays as it is.
 */
export function writtenIp(ip: string): string {
  const address = normalizeIp(ip) ?? ip;
  return address.includes(":") ? `IPv6:${address}` : address;
}

/**
 * The name under which the DNS knows an address (RFC 1035 section 3.5, RFC 3596 section 2.5): `9.11.99.202.in-addr.arpa`.
 * Undefined for what is no address.
 */
export function reverseName(ip: string): string | undefined {
  const address = normalizeIp(ip);
  if (address === undefined) return undefined;
  if (!address.includes(":")) return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
  const digits = ipv6Groups(address)
    ?.map((group) => group.padStart(4, "0"))
    .join("");
  return digits === undefined ? undefined : `${digits.split("").reverse().join(".")}.ip6.arpa`;
}
