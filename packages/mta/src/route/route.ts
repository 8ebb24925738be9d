/**
 * Where mail for a recipient goes: over the host that a table or a setting named when the message was accepted, over that of
 * mailertable, over the smart host, or where DNS says; and last over the fallback MX.
 *
 * What is wrong in a table or a setting only puts mail off: the company's mail does not come back for a slip of the pen.
 */
import { domainKey } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { findMailerRoute } from "@mailhost/common/tables/mailer-routes";
import type { Table } from "@mailhost/common/tables/table";
import { type DnsParts, domainRoute, hopRoute, type Route, type RouteHost } from "./domain-route.ts";
import { routeKey } from "./route-key.ts";
import { readNextHops } from "./smart-host.ts";

export type { Route, RouteHost } from "./domain-route.ts";

/** What the decision is made from. */
export interface RouteParts extends Omit<DnsParts, "port"> {
  readonly relay: Pick<Settings["relay"], "smartHost" | "port">;
  /** Hosts by domain; absent: none. */
  readonly mailertable?: Table;
  /** Takes what no other host takes (confFALLBACK_MX). */
  readonly fallbackMx?: string;
}

/** Where to. */
export interface Destination {
  /** As in the envelope address: a name, Unicode allowed, or an address literal. */
  readonly domain: string;
  /** The host that was named in its place. */
  readonly via?: string;
}

/** Further hosts of a list come after all those of the ones before them. */
const LIST_STEP = 100_000;

/** Finds the route. Never rejects for what the DNS said or failed to say. */
export async function findRoute({ domain, via }: Destination, parts: RouteParts): Promise<Route> {
  const { resolver, relay, isOurName, isOurAddress, shuffle } = parts;
  const dns: DnsParts = { resolver, port: relay.port, isOurName, isOurAddress, shuffle };
  if (via !== undefined)
    return withFallback(await namedRoute(via, domain, `the route ${via}`, dns), parts, dns);
  const found = parts.mailertable === undefined ? undefined : tableRoute(domain, parts.mailertable, parts);
  if (found !== undefined) return withFallback(await found(dns), parts, dns);
  const { smartHost } = parts.relay;
  if (smartHost !== undefined && smartHost !== "") {
    return withFallback(await namedRoute(smartHost, domain, `relay.smartHost ${smartHost}`, dns), parts, dns);
  }
  return withFallback(await domainRoute(domain, dns), parts, dns);
}

/** True for a domain that mailertable has an entry for. */
export function isInMailertable(
  domain: string,
  mailertable: Table,
  isOurName: (name: string) => boolean,
): boolean {
  return !isOurName(domain) && findMailerRoute(mailertable, domain) !== undefined;
}

/** mailertable's word on a domain; it has none on our own names. */
function tableRoute(
  domain: string,
  table: Table,
  { isOurName }: RouteParts,
): ((dns: DnsParts) => Promise<Route>) | undefined {
  if (isOurName(domainKey(domain))) return undefined;
  const found = findMailerRoute(table, domain);
  if (found === undefined) return undefined;
  const { key, route } = found;
  const where = `mailertable entry ${key}`;
  switch (route.kind) {
    case "smtp": {
      const named = `${route.mailer}:${route.user === undefined ? "" : `${route.user}@`}${route.hosts}`;
      return (dns) => namedRoute(named, domain, where, dns);
    }
    case "local":
      return async () =>
        deferred("4.3.5", `${where} makes the domain a local one; new mail for it stays here`);
    case "error":
      // Sendmail's own refusal of what it cannot read is a mistake in the table; the administrator's words are meant.
      return async () =>
        route.reply.enhanced === "5.3.5"
          ? deferred("4.3.5", `${where}: ${route.reply.text}`)
          : { kind: "failed", reply: route.reply };
  }
}

/**
 * The route over named hosts, `mailer:a:b:c` and the rest of Sendmail's notation, each tried after those before it. Hosts
 * that lead nowhere are passed over while there is another.
 *
 * @param what for messages: where the notation stands
 */
async function namedRoute(text: string, domain: string, what: string, dns: DnsParts): Promise<Route> {
  const named = readNextHops(text);
  if (named === undefined) return deferred("4.3.5", `config error: ${what} is not a host`);
  const { mailer, user, hops } = named;
  // `esmtp:` without a host is the domain itself.
  const routes =
    hops.length === 0
      ? [await domainRoute(domain, dns)]
      : await Promise.all(hops.map((hop) => hopRoute(hop, dns)));
  const hosts = routes.flatMap((route, i) =>
    route.kind === "hosts" ? moved(route.hosts, i * LIST_STEP) : [],
  );
  if (hosts.length > 0) {
    const key = routes.length === 1 && routes[0]!.kind === "hosts" ? routes[0]!.key : routeKey(hosts);
    return { kind: "hosts", key, hosts, mailer, ...(user === undefined ? {} : { user }) };
  }
  const put = routes.find((route) => route.kind === "deferred") ?? routes[0]!;
  if (put.kind !== "failed") return put;
  if (hops.length === 0) return put;
  return deferred("4.3.5", `${what}: ${put.reply.text}`);
}

/** Appends the fallback MX; it also takes what a name server has no answer for now. */
async function withFallback(route: Route, { fallbackMx }: RouteParts, dns: DnsParts): Promise<Route> {
  if (fallbackMx === undefined || fallbackMx === "" || route.kind === "failed") return route;
  if (route.kind === "deferred" && route.reply.enhanced !== "4.4.3") return route;
  const fallback = await namedRoute(fallbackMx, "", "routing.fallbackMx", dns);
  if (fallback.kind !== "hosts") return route;
  if (route.kind === "deferred") return { ...fallback, mailer: "esmtp" };
  const known = new Set(route.hosts.map(({ name, port }) => `${name}:${port}`));
  const last = Math.max(...route.hosts.map((host) => host.preference));
  const added = fallback.hosts.filter(({ name, port }) => !known.has(`${name}:${port}`));
  const hosts = [...route.hosts, ...moved(added, last + LIST_STEP)];
  return { ...route, key: routeKey(hosts), hosts };
}

function moved(hosts: readonly RouteHost[], by: number): RouteHost[] {
  return by === 0 ? [...hosts] : hosts.map((host) => ({ ...host, preference: host.preference + by }));
}

function deferred(enhanced: string, text: string): Extract<Route, { readonly reply: SmtpReply }> {
  return { kind: "deferred", reply: { code: 451, enhanced, text } };
}
