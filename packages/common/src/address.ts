/**
 * Envelope addresses: taking them apart, comparing them, printing them.
 *
 * RFC 5321 section 2.3.11: the local part belongs to the domain and keeps its case; domains are compared without
 * case. A local part may be quoted and then hold an `@`, so the domain is what follows the last one.
 */

/** An envelope address; both parts empty for the null sender `<>`. */
export interface Address {
  /** As written, quotes kept. */
  readonly localPart: string;
  /** As written, without a trailing dot; empty for an address with no domain. */
  readonly domain: string;
}

/** A quoted string and nothing else: an `@` in it leads nowhere. */
const QUOTED = /^"(?:[^"\\]|\\.)*"$/s;

/**
 * Splits an address at its last `@`, quoted ones passed over. Angle brackets around it are taken off.
 */
export function splitAddress(text: string): Address {
  const bare = text.startsWith("<") && text.endsWith(">") ? text.slice(1, -1) : text;
  const at = bare.lastIndexOf("@");
  if (at < 0 || (bare.startsWith('"') && QUOTED.test(bare))) return { localPart: bare, domain: "" };
  return { localPart: bare.slice(0, at), domain: withoutDot(bare.slice(at + 1)) };
}

/** Joins the parts again; no `@` when there is no domain. */
export function joinAddress(address: Address): string {
  return address.domain === "" ? address.localPart : `${address.localPart}@${address.domain}`;
}

/** A domain in the form in which domains are compared: lower case, no trailing dot. */
export function domainKey(domain: string): string {
  return withoutDot(domain.toLowerCase());
}

/** Asked several times for each command: no pattern is run for what one character tells. */
function withoutDot(domain: string): string {
  return domain.endsWith(".") ? domain.slice(0, -1) : domain;
}

/** A local part in the form in which our own users are looked up: unquoted, lower case. */
export function localPartKey(localPart: string): string {
  return unquotedLocalPart(localPart).toLowerCase();
}

/** A local part without the quotes around it, case kept. */
export function unquotedLocalPart(localPart: string): string {
  return localPart.startsWith('"') && /^".*"$/s.test(localPart)
    ? localPart.slice(1, -1).replace(/\\(.)/gs, "$1")
    : localPart;
}

/** What a name may hold without quotes in an address. */
const PLAIN = /^[^\s"(),:;<>@[\]\\\p{Cc}]+$/u;

/** A name as the local part of an address: in quotes where it would otherwise mean something else, such as `a@b`. */
export function writtenLocalPart(name: string): string {
  return PLAIN.test(name) ? name : `"${name.replace(/["\\]/g, "\\$&")}"`;
}
