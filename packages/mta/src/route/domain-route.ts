/**
 * Where mail for a domain goes by DNS: the hosts to call, in the order in which to call them (RFC 5321 section 5.1).
 *
 * A pure decision over the DNS: it opens no connection and keeps nothing. Answers that may be different tomorrow defer,
 * answers that are an error fail, in Sendmail's words.
 */
import { domainToASCII } from "node:url";
import { domainKey } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import { DnsError, type MxRecord, type Resolver } from "../dns/resolver.ts";
import { routeKey } from "./route-key.ts";
import { literalAddress, type NextHop } from "./smart-host.ts";

/** A host to call. */
export interface RouteHost {
  /** Host name, or an address literal such as `[192.0.2.1]`. */
  readonly name: string;
  readonly preference: number;
  /** IP addresses in the order in which to try them: IPv4, then IPv6. Never empty. */
  readonly addresses: readonly string[];
  readonly port: number;
}

/** What is to be done with mail for a domain. */
export type Route =
  /** Call these hosts in this order. Routes of the same key are the same destination. */
  | {
      readonly kind: "hosts";
      readonly key: string;
      readonly hosts: readonly RouteHost[];
      /** By which of Sendmail's mailers, for the log; absent: `esmtp`. */
      readonly mailer?: string;
      /** Of `mailer:user@host`: the recipient there. */
      readonly user?: string;
    }
  | { readonly kind: "failed"; readonly reply: SmtpReply }
  | { readonly kind: "deferred"; readonly reply: SmtpReply };

/** What the decision is made from. */
export interface DnsParts {
  readonly resolver: Resolver;
  /** The usual port. */
  readonly port: number;
  /** True for the host's own names: hostname and local-host-names. */
  readonly isOurName: (name: string) => boolean;
  /** True for an address and port on which we listen ourselves. */
  readonly isOurAddress: (ip: string, port: number) => boolean;
  /** Puts hosts of equal preference in random order; tests pass one that does not. */
  readonly shuffle?: (<T>(items: readonly T[]) => T[]) | undefined;
}

/** Hosts called at most; a domain with more is either very large or hostile, and 20 are enough for both. */
const MOST_HOSTS = 20;
/** Addresses called at most of one host. */
const MOST_ADDRESSES = 10;

/**
 * Finds the route for a domain by DNS. Never rejects for what the DNS said or failed to say.
 *
 * @param domain as in the envelope address: a name, Unicode allowed, or an address literal
 */
export async function domainRoute(domain: string, parts: DnsParts): Promise<Route> {
  const address = literalAddress(domain);
  if (address === "") return failed(553, "5.1.3", `Invalid address literal ${domain}`);
  if (address !== undefined) return addressRoute(domain, address, parts.port, parts);
  const name = domainToASCII(domainKey(domain));
  if (name === "") return failed(550, "5.1.2", `Host unknown (Name server: ${domain}: host not found)`);
  return hostRoute({ host: name, mx: true }, parts);
}

/** The route over a host that somebody named. */
export async function hopRoute(hop: NextHop, parts: DnsParts): Promise<Route> {
  const address = literalAddress(hop.host.includes(":") ? `[IPv6:${hop.host}]` : `[${hop.host}]`);
  return address !== undefined && address !== ""
    ? addressRoute(`[${address}]`, address, hop.port ?? parts.port, parts)
    : hostRoute(hop, parts);
}

function addressRoute(name: string, address: string, port: number, parts: DnsParts): Route {
  if (parts.isOurAddress(address, port)) return loop(name);
  return hostsRoute([{ name, preference: 0, addresses: [address], port }]);
}

/** The route by name: its MX hosts, or the host itself when it has none or none are wanted. */
async function hostRoute(hop: NextHop, parts: DnsParts): Promise<Route> {
  let records: MxRecord[] = [];
  if (hop.mx) {
    try {
      records = await parts.resolver.mx(hop.host);
    } catch (error) {
      return dnsFailure(hop.host, error);
    }
    if (records.length > 0 && records.every((record) => record.exchange === "")) {
      return failed(556, "5.1.10", `Domain ${hop.host} does not accept mail (null MX)`);
    }
  }
  const named = records.filter((record) => record.exchange !== "");
  // RFC 5321 section 5.1: a domain with no MX is its own, only, exchange.
  const exchanges = named.length > 0 ? named : [{ preference: 0, exchange: hop.host }];
  return exchangesRoute(hop.host, exchanges, hop.port ?? parts.port, parts);
}

/** The route over a list of exchanges: ordered, with addresses, without ourselves and whoever is no closer. */
async function exchangesRoute(
  domain: string,
  exchanges: readonly MxRecord[],
  port: number,
  parts: DnsParts,
): Promise<Route> {
  const wanted = closerThanUs(ordered(exchanges, parts.shuffle ?? shuffled), (host) =>
    parts.isOurName(host.name),
  );
  if (wanted.length === 0) return loop(domain);
  const found = await Promise.all(
    wanted
      .slice(0, MOST_HOSTS)
      .map(async (host) => ({ ...host, ...(await addressesOf(host.name, parts.resolver)) })),
  );
  const closer = closerThanUs(found, (host) => host.addresses.some((ip) => parts.isOurAddress(ip, port)));
  if (closer.length === 0) return loop(domain);
  const callable = closer.filter((host) => host.addresses.length > 0);
  if (callable.length > 0) {
    return hostsRoute(
      callable.map(({ name, preference, addresses }) => ({ name, preference, addresses, port })),
      closer.map(({ name, preference }) => ({ name, preference, port })),
    );
  }
  const undecided = closer.find((host) => host.failure?.kind === "temporary");
  return dnsFailure(domain, undecided?.failure ?? new DnsError("absent", closer[0]!.name));
}

interface Exchange {
  readonly name: string;
  readonly preference: number;
}

/** Most preferred first, equals in random order, each host once, at its best preference. */
function ordered(records: readonly MxRecord[], shuffle: NonNullable<DnsParts["shuffle"]>): Exchange[] {
  const best = new Map<string, number>();
  for (const { exchange, preference } of records) {
    const name = domainKey(exchange);
    best.set(name, Math.min(preference, best.get(name) ?? Number.POSITIVE_INFINITY));
  }
  return shuffle([...best].map(([name, preference]) => ({ name, preference }))).sort(
    (a, b) => a.preference - b.preference,
  );
}

/** The hosts before us: ourselves, our equals and everything behind us would bring the mail back here (RFC 5321 5.1). */
function closerThanUs<T extends Exchange>(hosts: readonly T[], isUs: (host: T) => boolean): T[] {
  const ours = hosts.filter(isUs).map((host) => host.preference);
  const limit = Math.min(...ours, Number.POSITIVE_INFINITY);
  return hosts.filter((host) => host.preference < limit);
}

/** A host's addresses; the failure says why there are none. One family's failure does not cost the other. */
async function addressesOf(
  name: string,
  resolver: Resolver,
): Promise<{ addresses: string[]; failure?: DnsError }> {
  const answers = await Promise.allSettled([resolver.a(name), resolver.aaaa(name)]);
  const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (addresses.length > 0) return { addresses: addresses.slice(0, MOST_ADDRESSES) };
  const failures = answers
    .filter((answer) => answer.status === "rejected")
    .map((answer) => asDnsError(name, answer.reason));
  const failure = failures.find((one) => one.kind === "temporary") ?? failures[0];
  return failure === undefined ? { addresses } : { addresses, failure };
}

function hostsRoute(hosts: readonly RouteHost[], keyed: Parameters<typeof routeKey>[0] = hosts): Route {
  return { kind: "hosts", key: routeKey(keyed), hosts };
}

/** Sendmail's words for a name server's failure, with the name that was asked for. */
function dnsFailure(domain: string, error: unknown): Route {
  const failure = asDnsError(domain, error);
  return failure.kind === "absent"
    ? failed(550, "5.1.2", `Host unknown (Name server: ${failure.message})`)
    : deferred("4.4.3", `Name server: ${failure.message}`);
}

/** What is not known to be permanent is temporary. */
function asDnsError(name: string, error: unknown): DnsError {
  return error instanceof DnsError ? error : new DnsError("temporary", name, { cause: error });
}

function loop(domain: string): Route {
  return failed(553, "5.3.5", `${domain}. config error: mail loops back to me (MX problem?)`);
}

function failed(code: number, enhanced: string, text: string): Route {
  return { kind: "failed", reply: { code, enhanced, text } };
}

function deferred(enhanced: string, text: string): Route {
  return { kind: "deferred", reply: { code: 451, enhanced, text } };
}

/** Fisher and Yates' shuffle. */
function shuffled<T>(items: readonly T[]): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
