/**
 * The questions that routing asks of the DNS. Production answers them with dns/system-resolver.ts; tests with a table.
 */

/** One MX record. An exchange of "" is the null MX (RFC 7505). */
export interface MxRecord {
  readonly preference: number;
  /** Host name without a trailing dot. */
  readonly exchange: string;
}

/** `absent`: the name does not exist (NXDOMAIN). `temporary`: no answer could be had (SERVFAIL, timeout). */
export class DnsError extends Error {
  override readonly name = "DnsError";
  readonly kind: "absent" | "temporary";
  readonly question: string;

  constructor(kind: "absent" | "temporary", question: string, options?: ErrorOptions) {
    super(
      kind === "absent" ? `${question}: host not found` : `${question}: host name lookup failure`,
      options,
    );
    this.kind = kind;
    this.question = question;
  }
}

/** True for the answer that there is no such name. */
export function isAbsent(error: unknown): boolean {
  return error instanceof DnsError && error.kind === "absent";
}

/** A resolver. An existing name with no record of the type gives an empty list; other failures throw {@link DnsError}. */
export interface Resolver {
  mx(domain: string): Promise<MxRecord[]>;
  /** IPv4 addresses. */
  a(name: string): Promise<string[]>;
  /** IPv6 addresses. */
  aaaa(name: string): Promise<string[]>;
  /** Names of an address. */
  ptr(ip: string): Promise<string[]>;
}
