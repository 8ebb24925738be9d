/**
 * The keys under which an address, a domain or a client is looked up in a table, most specific first.
 *
 * The order is Sendmail's (proto.m4): a client's address loses an octet or a group at a time, a domain its first
 * label, an address its detail. Networks end at whole octets or groups; there are no masks. Keys are in lower case
 * and IPv6 keys in one spelling, and {@link tableKey} brings what an administrator wrote into the same form, so that
 * `IPv6:2001:0DB8::` in a table is found by `2001:db8:0:0:0:0:0:1`.
 */
import { isIPv6 } from "node:net";
import { ipv6Groups, normalizeIp, shortGroup } from "../ip-address.ts";

/**
 * Keys of a client's address: `202.99.11.9`, `202.99.11`, `202.99`, `202`, or
 * `ipv6:2001:db8:0:0:0:0:0:1` … `ipv6:2001`. An IPv4-mapped IPv6 address counts as IPv4.
 *
 * @returns an empty list for anything that is no address
 */
export function addressKeys(ip: string): string[] {
  const normal = normalizeIp(ip);
  if (normal === undefined) return [];
  return normal.includes(":")
    ? prefixes(normal, ":").map((prefix) => `ipv6:${prefix}`)
    : prefixes(normal, ".");
}

/**
 * Keys of a domain: `a.b.c`, `b.c`, `c`. A literal loses its last octet or group inside the brackets:
 * `[1.2.3.4]`, `[1.2.3]`, `[1.2]`, `[1]`.
 */
export function domainKeys(domain: string): string[] {
  const literal = domain.startsWith("[") ? /^\[(.*)\]$/.exec(domain) : null;
  if (literal !== null) {
    const keys = addressKeys(literal[1]!);
    return keys.length > 0 ? keys.map((key) => `[${key}]`) : [domain.toLowerCase()];
  }
  const lower = domain.toLowerCase();
  const name = lower.endsWith(".") ? lower.slice(0, -1) : lower;
  if (name === "" || name.startsWith(".")) return [];
  const keys = [name];
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1))
    keys.push(name.slice(dot + 1));
  return keys;
}

/**
 * Keys of a full address: `u+d@h`, `u+*@h`, `u@h`. With no detail only the address itself; one with no domain
 * gives none.
 */
export function fullAddressKeys(address: string): string[] {
  const at = address.lastIndexOf("@");
  if (at <= 0) return [];
  const user = address.slice(0, at).toLowerCase();
  const host = address
    .slice(at + 1)
    .toLowerCase()
    .replace(/\.$/, "");
  return detailForms(user).map((form) => `${form}@${host}`);
}

/** Keys of a user at whatever domain: `u+d@`, `u+*@`, `u@`. */
export function userKeys(localPart: string): string[] {
  return detailForms(localPart.toLowerCase()).map((form) => `${form}@`);
}

/** Forms of a local part that may carry a detail: `u+d`, `u+*`, `u` (RFC 5233 gives the notation its name). */
export function detailForms(localPart: string): string[] {
  const plus = localPart.indexOf("+");
  if (plus <= 0) return [localPart];
  const user = localPart.slice(0, plus);
  return [...new Set([localPart, `${user}+*`, user])];
}

/**
 * The key of a table's line in the form in which it is looked up: lower case, an IPv6 address or prefix (alone,
 * after a tag, or in brackets) in one spelling. `2001:db8::` is the prefix `2001:db8`; `2001:db8::1` a whole address.
 */
export function tableKey(key: string): string {
  const lower = key.toLowerCase();
  const at = lower.indexOf("ipv6:");
  if (at < 0 || (at > 0 && !/[:[]/.test(lower[at - 1]!))) return lower;
  const end = lower.indexOf("]", at);
  const written = lower.slice(at + 5, end < 0 ? undefined : end);
  const normal = ipv6Prefix(written);
  return normal === undefined ? lower : lower.slice(0, at + 5) + normal + (end < 0 ? "" : lower.slice(end));
}

/**
 * An IPv6 address or prefix of whole groups in one spelling, or undefined when it is neither.
 */
export function ipv6Prefix(text: string): string | undefined {
  if (/^[0-9a-f:]+::$/i.test(text) && isIPv6(text)) {
    return text.slice(0, -2).split(":").map(shortGroup).join(":");
  }
  const whole = ipv6Groups(text);
  if (whole !== undefined) return whole.join(":");
  const groups = text.replace(/:$/, "").split(":");
  return groups.length < 8 && groups.every((g) => /^[0-9a-f]{1,4}$/i.test(g))
    ? groups.map(shortGroup).join(":")
    : undefined;
}

/** `a.b.c`, `a.b`, `a`. */
function prefixes(text: string, separator: string): string[] {
  const found = [text];
  for (let at = text.lastIndexOf(separator); at > 0; at = text.lastIndexOf(separator, at - 1))
    found.push(text.slice(0, at));
  return found;
}
