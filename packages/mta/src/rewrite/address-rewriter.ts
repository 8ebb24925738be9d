/**
 * What an address looks like outside: domaintable, genericstable, masquerading, and the domain that an address without
 * one is given. Pure decisions in the order of Sendmail's rulesets (canonify, AddDomain, MasqSMTP, MasqHdr, MasqEnv).
 */
import { domainKey } from "@mailhost/common/address";
import type { RewriteSettings } from "@mailhost/common/settings/sendmail-settings";
import type { Settings } from "@mailhost/common/settings/settings";
import { findGenericSender } from "@mailhost/common/tables/generic-senders";
import type { DomainSet, SiteTables } from "@mailhost/common/tables/site-tables";

/** An address in two halves; the domain is empty when there is none. */
export interface Parts {
  readonly localPart: string;
  readonly domain: string;
}

/** Which address of a message it is. */
export interface Use {
  readonly in: "header" | "envelope";
  readonly role: "sender" | "recipient";
  /** Whether the message stays on this host (mailers `local`, `prog`, `*file*`) or leaves it. */
  readonly mailer: "local" | "smtp";
  /** Whether addresses without a domain are completed although the message only passes through. */
  readonly qualify: boolean;
}

/** What the decisions are made from. */
export interface RewriterParts {
  readonly settings: Pick<Settings, "hostname" | "rewrite" | "routing" | "domains">;
  readonly tables: Pick<SiteTables, "genericstable" | "genericsDomains" | "domaintable">;
  /** Class w. */
  readonly isOurName: (domain: string) => boolean;
}

/** Rewrites one address. */
export type AddressRewriter = (address: Parts, use: Use) => Parts;

/** Sendmail's *LOCAL*: the address had no domain and is given ours in the end. */
const LOCAL = "";

/** Makes the rewriter of a configuration. */
export function createAddressRewriter(parts: RewriterParts): AddressRewriter {
  const { settings, tables } = parts;
  return (given, use) => {
    const address = throughDomaintable(given, parts);
    if (address.localPart === "") return address;
    if (address.domain === "" && !isCompleted(use, settings.rewrite)) return address;
    const added = use.mailer === "local" ? (settings.rewrite.addedDomain ?? LOCAL) : LOCAL;
    const complete = address.domain === "" ? { ...address, domain: added } : address;
    return isMasqueraded(use, settings)
      ? masquerade(complete, parts)
      : { ...complete, domain: complete.domain === LOCAL ? settings.hostname : complete.domain };
  };

  function throughDomaintable(address: Parts, { tables: { domaintable } }: RewriterParts): Parts {
    if (address.domain === "") return address;
    const name = domaintable.get(domainKey(address.domain));
    return name === undefined ? address : { ...address, domain: name };
  }

  function masquerade(address: Parts, { isOurName }: RewriterParts): Parts {
    const generic = throughGenerics(address);
    if (generic.final) return generic.address;
    const { localPart, domain } = generic.address;
    const { rewrite, hostname, routing } = { ...settings };
    const asOurselves = { localPart, domain: domain === LOCAL ? hostname : domain };
    const name = rewrite.masqueradeAs ?? routing.nullClient;
    if (domain !== LOCAL && isBelow(domain, rewrite.masqueradeExceptions)) return asOurselves;
    if (name === undefined) return asOurselves;
    const inClassM = rewrite.masqueradeEntireDomain
      ? isBelow(domain, rewrite.masqueradeDomains)
      : rewrite.masqueradeDomains.some((one) => domainKey(one) === domainKey(domain));
    const inClassW = !rewrite.limitedMasquerade && domain !== LOCAL && isOurName(domainKey(domain));
    if (domain !== LOCAL && !inClassM && !inClassW) return asOurselves;
    // A class is compared without case.
    const isExposed = rewrite.exposedUsers.some((user) => user.toLowerCase() === localPart.toLowerCase());
    return isExposed ? asOurselves : { localPart, domain: name };
  }

  /** `final`: a value with a domain is what the address is from now on; one without is our own name. */
  function throughGenerics(address: Parts): { readonly address: Parts; readonly final: boolean } {
    const { localPart, domain } = address;
    const served =
      domain === LOCAL || isServed(domain, tables.genericsDomains, settings.domains.genericsEntire);
    if (!served) return { address, final: false };
    const key = domain === LOCAL ? settings.hostname : domain;
    const found = findGenericSender(tables.genericstable, localPart, domainKey(key));
    if (found === undefined) return { address, final: false };
    const at = found.address.lastIndexOf("@");
    return at < 0
      ? { address: { localPart: found.address, domain: LOCAL }, final: false }
      : {
          address: { localPart: found.address.slice(0, at), domain: found.address.slice(at + 1) },
          final: true,
        };
  }
}

/** Whether an address without a domain is given one: always on its way out, here only with always_add_domain. */
function isCompleted(use: Use, rewrite: RewriteSettings): boolean {
  if (use.mailer === "local") return rewrite.alwaysAddDomain;
  return use.qualify || rewrite.alwaysAddDomain || rewrite.masqueradeAs !== undefined;
}

function isMasqueraded(use: Use, { rewrite, routing }: RewriterParts["settings"]): boolean {
  if (use.mailer === "local" && rewrite.localNoMasquerade) return false;
  if (use.in === "envelope") {
    return use.role === "sender" && (rewrite.masqueradeEnvelope || routing.nullClient !== undefined);
  }
  return use.role === "sender" || rewrite.allMasquerade;
}

/** Whether a domain is one of a list or below one. */
function isBelow(domain: string, list: readonly string[]): boolean {
  const name = domainKey(domain);
  return list.some((one) => name === domainKey(one) || name.endsWith(`.${domainKey(one)}`));
}

function isServed(domain: string, set: DomainSet, entire: boolean): boolean {
  const labels = domainKey(domain).split(".");
  const names = entire ? labels.map((_, i) => labels.slice(i).join(".")) : [labels.join(".")];
  return names.some((name) => set.has(name));
}
