/**
 * Sendmail's notation for a host that mail is handed to: `host`, `[host]`, `host:port`, `[host]:port`, each perhaps
 * behind a mailer's name (`esmtp:[host]`). Brackets mean that the host is called itself, not its MX hosts.
 */
import { isIPv4, isIPv6 } from "node:net";

/** A host to hand mail to. */
export interface NextHop {
  /** Name, or IP address without brackets and prefix. */
  readonly host: string;
  /** Absent: the usual port. */
  readonly port?: number;
  /** True when MX records are to be asked for. */
  readonly mx: boolean;
}

/** Hosts that one notation names, in order. */
export interface NextHops {
  /** Sendmail's mailer, in lower case; `relay` when none is written. */
  readonly mailer: string;
  /** Of `mailer:user@host`: the recipient there. */
  readonly user?: string;
  /** Empty for a mailer alone. */
  readonly hops: readonly NextHop[];
}

const MAILER = /^(e?smtp|smtp8|dsmtp|relay):/i;
const NOTATION = /^(?:\[([^\]\s]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/;

/** Reads the notation for one host; undefined when the text is none. */
export function readNextHop(text: string): NextHop | undefined {
  const match = NOTATION.exec(text.trim().replace(MAILER, ""));
  if (match === null) return undefined;
  const port = match[3] === undefined ? undefined : Number(match[3]);
  if (port === 0 || (port ?? 0) > 65_535) return undefined;
  const bracketed = match[1]?.replace(/^IPv6:/i, "");
  const host = (bracketed ?? match[2]!).replace(/\.$/, "");
  const mx = bracketed === undefined && !isIPv4(host);
  return { host, mx, ...(port === undefined ? {} : { port }) };
}

/** Reads `mailer:a:[b]:2525:c`, hosts in the order in which they are tried; undefined when the text is none. */
export function readNextHops(text: string): NextHops | undefined {
  const given = text.trim();
  const mailer = MAILER.exec(given)?.[1]?.toLowerCase() ?? "relay";
  const rest = given.replace(MAILER, "").trim();
  const at = rest.indexOf("@");
  const user = at > 0 ? rest.slice(0, at) : undefined;
  const list = at > 0 ? rest.slice(at + 1) : rest;
  if (list === "") return MAILER.test(given) ? { mailer, hops: [] } : undefined;
  const hops: NextHop[] = [];
  // A host, and the number behind it; a colon within brackets belongs to an IPv6 address.
  for (const item of list.split(/:(?!\d{1,5}(?:$|:))(?![^[]*\])/)) {
    const hop = readNextHop(item);
    if (hop === undefined) return undefined;
    hops.push(hop);
  }
  return { mailer, hops, ...(user === undefined ? {} : { user }) };
}

/**
 * The IP address in an address literal (RFC 5321 section 4.1.3): `[192.0.2.1]`, `[IPv6:2001:db8::1]`. Undefined
 * for a domain; "" for brackets around anything else.
 */
export function literalAddress(domain: string): string | undefined {
  const match = /^\[(.*)\]$/.exec(domain);
  if (match === null) return undefined;
  const inside = match[1]!;
  if (isIPv4(inside)) return inside;
  const v6 = /^IPv6:(.*)$/i.exec(inside)?.[1] ?? "";
  return isIPv6(v6) && !v6.includes("%") ? v6.toLowerCase() : "";
}
