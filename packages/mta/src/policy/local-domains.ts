/**
 * Which domains are delivered here: Sendmail's class w. They are the host's own name, `localhost`, everything in
 * `local-host-names`, and our own addresses as literals (`[192.0.2.1]`).
 */
import { networkInterfaces } from "node:os";
import { domainToASCII, domainToUnicode } from "node:url";
import { domainKey } from "@mailhost/common/address";
import { normalizeIp } from "@mailhost/common/ip-address";
import type { DomainSet } from "@mailhost/common/tables/site-tables";

/** The table and key that make a domain ours. */
export interface LocalDomain {
  readonly table: string;
  readonly key: string;
}

/**
 * Looks a domain up in class w.
 *
 * @param domain lower case, no trailing dot
 * @param ownAddresses addresses of this host, see {@link interfaceAddresses}
 */
export function findLocalDomain(
  domain: string,
  hostname: string,
  localHostNames: DomainSet,
  ownAddresses: () => ReadonlySet<string>,
): LocalDomain | undefined {
  if (domain === domainKey(hostname)) return { table: "hostname", key: domain };
  if (domain === "localhost") return { table: "this host", key: domain };
  for (const key of spellings(domain)) {
    if (localHostNames.has(key)) return { table: "local-host-names", key };
  }
  if (!domain.startsWith("[")) return undefined;
  const literal = /^\[(?:ipv6:)?([0-9a-f.:]+)\]$/.exec(domain)?.[1];
  if (literal !== undefined && ownAddresses().has(comparable(literal)))
    return { table: "own address", key: domain };
  return undefined;
}

/**
 * Class m: the domain that the host's name is in. Sendmail takes whatever follows the first dot; a top-level domain or one of the
 * second-level domains under which countries register names (`com.cn`) is everybody's and never counts as ours.
 */
export function ownDomainsOf(hostname: string): string[] {
  const parent = hostname.toLowerCase().replace(/\.$/, "").split(".").slice(1).join(".");
  const everybodys =
    !parent.includes(".") || /^(?:ac|co|com|edu|gob|gov|gouv|go|mil|ne|net|or|org)\.[a-z]{2}$/.test(parent);
  return everybodys ? [] : [parent];
}

/** A domain as given, and an internationalised one in its other form (RFC 5890), whichever the table has. */
function spellings(domain: string): string[] {
  if (/^[ -~]*$/.test(domain) && !domain.includes("xn--")) return [domain];
  return [domain, domainToASCII(domain), domainToUnicode(domain)].filter((name) => name !== "");
}

/** The addresses of this host's interfaces, in the form in which {@link findLocalDomain} compares them. */
export function interfaceAddresses(): ReadonlySet<string> {
  return new Set(
    Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .map((address) => comparable(address.address)),
  );
}

/** An address in the one form in which addresses are compared: IPv6 as eight groups. */
export function comparable(ip: string): string {
  return normalizeIp(ip) ?? ip;
}
