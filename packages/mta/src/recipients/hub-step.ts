/**
 * Local mail that another host takes: LUSER_RELAY, MAIL_HUB, LOCAL_RELAY (Sendmail's ruleset 5, after aliases), nullclient.
 */
import { domainKey, writtenLocalPart } from "@mailhost/common/address";
import { readMailerRoute } from "@mailhost/common/tables/mailer-routes";
import type { Expansion, Way } from "./expansion.ts";

/** What became of the name. */
export type HubOutcome =
  /** Another host has it, or it was refused. */
  | { readonly kind: "done" }
  /** It goes on here, under another name. */
  | { readonly kind: "local"; readonly name: string }
  /** The setting says nothing about it. */
  | { readonly kind: "none" };

/**
 * Sends a local name to the host that a setting names.
 *
 * @param name without quotes
 * @param value as Sendmail writes it: `host`, `mailer:host`, `mailer:user@host`, `local:user`, `error:5.1.1:550 text`
 */
export function sendToHub(
  expansion: Expansion,
  setting: string,
  value: string,
  name: string,
  way: Way,
): HubOutcome {
  const route = readMailerRoute(value);
  if (route === undefined) return { kind: "none" };
  if (route.kind === "local") {
    expansion.step(setting, `${name}: local ${route.user ?? name}`);
    return { kind: "local", name: route.user ?? name };
  }
  if (route.kind === "error") {
    expansion.step(setting, `${name}: error`);
    expansion.failAbout(way, route.reply);
    return { kind: "done" };
  }
  const host = firstHost(route.hosts);
  // The hub itself is configured like the others: there the mail has arrived.
  if (expansion.parts.isLocalDomain(domainKey(host))) return { kind: "none" };
  // A name comes here without quotes: `a@b` of an alias or a client must not become another address there.
  const address = `${route.user ?? writtenLocalPart(name)}@${host}`;
  const via = viaOf(value);
  expansion.step(setting, `${name}: ${address} via ${via}`);
  expansion.addRemote(address, way, via);
  return { kind: "done" };
}

/** A host as a remote target carries it: `mailer:hosts`. */
export function viaOf(value: string): string {
  const route = readMailerRoute(value);
  return route?.kind === "smtp" ? `${route.mailer}:${route.hosts}` : value;
}

/** The first of `a:b`, `[a]:25`, `[IPv6:…]`. */
function firstHost(hosts: string): string {
  return /^\[[^\]]*\]/.exec(hosts)?.[0] ?? hosts.split(":")[0]!;
}
