/**
 * An address on its way: renamed domain, moved user, virtual user, then a name of ours or another host.
 */
import {
  type Address,
  domainKey,
  joinAddress,
  localPartKey,
  splitAddress,
  unquotedLocalPart,
} from "@mailhost/common/address";
import { findMailerRoute } from "@mailhost/common/tables/mailer-routes";
import { findVirtualUser } from "@mailhost/common/tables/virtual-users";
import { reply } from "../policy/reply.ts";
import type { Expansion, Way } from "./expansion.ts";
import { sendToHub, viaOf } from "./hub-step.ts";
import { expandName } from "./name-step.ts";
import { findDomainAccount, type RecipientParts } from "./recipient-parts.ts";

/** How often virtusertable may lead back to itself; Sendmail's rewriting stops there too. */
const MAX_VIRTUAL = 50;

/** Expands an address that a client gave. */
export function expandGiven(expansion: Expansion, address: string): void | Promise<void> {
  return expandAddress(expansion, address, { path: [], written: address, given: address });
}

/** Expands an address, from a client or a list. */
export function expandAddress(expansion: Expansion, address: string, way: Way): void | Promise<void> {
  const { parts } = expansion;
  let current = address;
  for (let turns = 0; ; turns++) {
    if (turns > MAX_VIRTUAL) {
      expansion.failWith(
        way,
        reply(554, "5.0.0", `rewrite: excessive recursion (max ${MAX_VIRTUAL}), ruleset canonify`),
      );
      return undefined;
    }
    current = renamed(expansion, current);
    if (isMoved(expansion, current, way)) return undefined;
    const next = virtualAddress(expansion, current, way);
    if (next === "refused") return undefined;
    if (next === undefined) break;
    current = next.address;
  }
  const { localPart, domain } = splitAddress(current);
  const key = domainKey(domain);
  if ((parts.routing?.nullClient ?? "") !== "") {
    sendToNullClientHub(expansion, current, way);
    return undefined;
  }
  return domain === "" || parts.isLocalDomain(key)
    ? expandOurs(expansion, { localPart, domain: key }, way)
    : expandOther(expansion, { localPart, domain }, way);
}

/** A name at one of our domains: what looks like a program, a file or a list is for lists only. */
function expandOurs(expansion: Expansion, { localPart, domain }: Address, way: Way): void | Promise<void> {
  const name = localPartKey(localPart);
  const special = specialKind(name);
  if (special !== undefined) {
    expansion.fail(way, 550, "5.7.1", `Cannot mail directly to ${special}`);
    return undefined;
  }
  const final = name.startsWith("\\");
  return final
    ? expandName(expansion, { name: name.slice(1), domain }, { ...way, final })
    : expandName(expansion, { name, domain }, way);
}

function specialKind(name: string): string | undefined {
  if (name.startsWith("|")) return "programs";
  if (name.startsWith("/")) return "files";
  return name.startsWith(":include:") ? ":include:s" : undefined;
}

/** Another domain: mailertable may say that it ends here after all, or that nobody has it. */
function expandOther(expansion: Expansion, address: Address, way: Way): void | Promise<void> {
  const { localPart, domain } = address;
  const { mailertable } = expansion.parts;
  const found = mailertable === undefined ? undefined : findMailerRoute(mailertable, domainKey(domain));
  if (found === undefined || found.route.kind === "smtp") {
    expansion.addRemote(joinAddress(address), way);
    return undefined;
  }
  const { key, route } = found;
  expansion.step("mailertable", `${key}: ${route.kind === "local" ? `local:${route.user ?? ""}` : "error"}`);
  if (route.kind !== "error")
    return expandOurs(expansion, { localPart: route.user ?? localPart, domain: "" }, way);
  expansion.failAbout(way, route.reply);
  return undefined;
}

/** domaintable: an old name of a domain. */
function renamed(expansion: Expansion, address: string): string {
  const { localPart, domain } = splitAddress(address);
  if (domain === "") return address;
  const now = expansion.parts.domaintable?.get(domainKey(domain))?.trim();
  if (now === undefined || now === "") return address;
  expansion.step("domaintable", `${domain}: ${now}`);
  return joinAddress({ localPart, domain: now });
}

/** FEATURE(redirect): an alias `old: new@place.REDIRECT` tells senders of the new address. */
function isMoved(expansion: Expansion, address: string, way: Way): boolean {
  const { localPart, domain } = splitAddress(address);
  if (expansion.parts.routing?.redirect !== true || !/.\.redirect$/i.test(domain)) return false;
  const now = joinAddress({ localPart, domain: domain.replace(/\.redirect$/i, "") });
  expansion.failWith(way, reply(551, "5.1.1", `User has moved; please try <${now}>`));
  return true;
}

/** What virtusertable makes of an address; undefined when it says nothing. */
function virtualAddress(
  expansion: Expansion,
  address: string,
  way: Way,
): { readonly address: string } | "refused" | undefined {
  const { parts } = expansion;
  const { localPart, domain } = splitAddress(address);
  const key = domainKey(domain);
  if (parts.virtusertable === undefined || domain === "" || !isVirtual(parts, key)) return undefined;
  const found = findVirtualUser(parts.virtusertable, localPart, key);
  if (found === undefined) return undefined;
  // An entry for all that are left is not for the domain's own users.
  const isCatchAll = /^[@+]/.test(found.key);
  if (isCatchAll && findDomainAccount(parts, { name: localPartKey(localPart), domain: key }) !== undefined)
    return undefined;
  if (found.target.kind === "error") {
    expansion.step("virtusertable", `${found.key}: error`);
    expansion.failAbout(way, found.target.reply);
    return "refused";
  }
  expansion.step("virtusertable", `${found.key}: ${found.target.address}`);
  return { address: found.target.address };
}

function isVirtual(parts: RecipientParts, domain: string): boolean {
  if (parts.isLocalDomain(domain)) return true;
  const { virtualDomains } = parts;
  if (virtualDomains === undefined) return false;
  if (virtualDomains.has(domain)) return true;
  if (parts.virtualEntire !== true) return false;
  const labels = domain.split(".");
  return labels.some((_, i) => i > 0 && virtualDomains.has(labels.slice(i).join(".")));
}

/** FEATURE(nullclient): everything goes to the hub, our own names under its name. */
function sendToNullClientHub(expansion: Expansion, address: string, way: Way): void {
  const { localPart, domain } = splitAddress(address);
  const hub = expansion.parts.routing?.nullClient ?? "";
  const ours = domain === "" || expansion.parts.isLocalDomain(domainKey(domain));
  if (ours) sendToHub(expansion, "nullClient", hub, unquotedLocalPart(localPart), way);
  else expansion.addRemote(address, way, viaOf(hub));
}
