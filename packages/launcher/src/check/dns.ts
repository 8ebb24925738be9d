/**
 * What `mailhost check` says of the DNS: whether other hosts find this one, by its own name and by those of its domains, and whether
 * its addresses lead back to its name. Big receivers refuse mail from hosts whose addresses do not.
 */
import { messageOf } from "@mailhost/common/errors";
import { isAbsent, type Resolver } from "@mailhost/mta/dns/resolver";
import type { Finding } from "./finding.ts";
import { isPrivate } from "./private-address.ts";

/** What is asked. */
export interface DnsSurroundings {
  readonly resolver: Pick<Resolver, "a" | "aaaa" | "mx" | "ptr">;
  /** Whether an address is one of this machine's. */
  readonly isOwn: (address: string) => boolean;
}

/** Findings on the host's name, its addresses, and the MX records of its domains. */
export async function checkDns(
  hostname: string,
  domains: readonly string[],
  around: DnsSurroundings,
): Promise<Finding[]> {
  // A name without a domain is a fault of the settings, and said there.
  if (!hostname.includes(".")) return [];
  try {
    const addresses = await addressesOf(hostname, around);
    const others = domains.filter((domain) => domain !== hostname.toLowerCase());
    const found = [
      ...checkName(hostname, addresses),
      ...(await Promise.all(addresses.map((address) => checkBack(hostname, address, around)))).flat(),
      ...(
        await Promise.all(others.map((domain) => checkExchangers(domain, hostname, { addresses, around })))
      ).flat(),
    ];
    const good = finding(
      "ok",
      `${hostname} and its addresses lead to each other; its domains have MX records`,
    );
    return found.some(({ level }) => level !== "ok") ? found : [good, ...found];
  } catch (error) {
    // One answer is as good as twenty: whoever has no DNS is told so once.
    return [
      finding(
        "warning",
        `the DNS does not answer, and without it no mail leaves: ${messageOf(error)}; see dns.servers`,
      ),
    ];
  }
}

function finding(level: Finding["level"], text: string): Finding {
  return { level, about: "dns", text };
}

function checkName(hostname: string, addresses: readonly string[]): Finding[] {
  if (addresses.length > 0) return [];
  const text = `${hostname} has no address: other hosts distrust a name that is nobody's, and no MX record can lead to it; publish an A record`;
  return [finding("warning", text)];
}

/** An address of this host's name leads back to the name (RFC 1912 section 2.1). */
async function checkBack(
  hostname: string,
  address: string,
  { resolver }: DnsSurroundings,
): Promise<Finding[]> {
  if (isPrivate(address)) return [];
  const names = (await orNone(resolver.ptr(address))).map((name) => name.toLowerCase().replace(/\.$/, ""));
  if (names.includes(hostname.toLowerCase())) return [];
  const now = names.length === 0 ? "has no name (PTR)" : `has the name ${names.join(", ")}`;
  return [
    finding(
      "warning",
      `${address} ${now}, not ${hostname}: many hosts refuse mail from there; have your provider set it`,
    ),
  ];
}

async function checkExchangers(
  domain: string,
  hostname: string,
  { addresses, around }: { readonly addresses: readonly string[]; readonly around: DnsSurroundings },
): Promise<Finding[]> {
  const exchangers = await orNone(around.resolver.mx(domain));
  if (exchangers.length === 0) {
    // Without MX records, mail goes to the domain's own address (RFC 5321 section 5.1).
    const own = await addressesOf(domain, around);
    if (own.some((address) => addresses.includes(address) || around.isOwn(address))) return [];
    return [
      finding(
        "warning",
        `${domain} has no MX record, so mail for it does not come here: publish "MX 10 ${hostname}."`,
      ),
    ];
  }
  const names = exchangers.map(({ exchange }) => exchange.toLowerCase());
  if (names.includes(hostname.toLowerCase())) return [];
  const theirs = (await Promise.all(names.map((name) => addressesOf(name, around)))).flat();
  if (theirs.some((address) => addresses.includes(address) || around.isOwn(address))) return [];
  return [
    finding(
      "ok",
      `mail for ${domain} goes to ${names.join(", ") || "nobody"}, not here: right if it is passed on from there`,
    ),
  ];
}

async function addressesOf(name: string, { resolver }: DnsSurroundings): Promise<string[]> {
  if (name === "") return [];
  return (await Promise.all([orNone(resolver.a(name)), orNone(resolver.aaaa(name))])).flat();
}

/** No such name is an answer too: nothing. */
async function orNone<T>(asked: Promise<readonly T[]>): Promise<readonly T[]> {
  try {
    return await asked;
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
