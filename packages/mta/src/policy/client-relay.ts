/**
 * Relay_ok: may this client relay anywhere? In Sendmail's order: this host; class R, POP before SMTP and access by address; our own
 * addresses; the sender, where the settings trust it; then the client's name, if it has one to trust.
 */

import { domainKey, localPartKey, splitAddress } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import { writtenIp } from "@mailhost/common/ip-address";
import { addressKeys } from "@mailhost/common/tables/address-keys";
import { byDomain, isDomainName, type Lookup, networkKey, type Step, searchAccess } from "./access-lookup.ts";
import { judgedAddress } from "./judged-address.ts";
import { type Client, clientName, clientResolve, isThisHost, type PolicyFacts } from "./policy-facts.ts";
import { ownDomainOf, relayDomainOf, relayDomainsEntry } from "./relay-domains.ts";
import { reply } from "./reply.ts";

/** Why a client may relay; the refusal in other words than `Relaying denied`; or undefined: it may not. */
export type ClientRelay = { readonly why: string } | { readonly refusal: SmtpReply } | undefined;

/** What the question is about besides the client. */
export interface RelayCircumstances {
  /** Only what the client's address says counts: the submission ports. */
  readonly networksOnly?: boolean;
  /** Envelope sender, empty for `<>`; absent: not known, and nothing is permitted by it. */
  readonly sender?: string;
}

/** Decides. */
export function clientMayRelay(
  client: Client,
  facts: PolicyFacts,
  lookups: Lookup[],
  { networksOnly = false, sender }: RelayCircumstances,
): ClientRelay {
  if (isThisHost(client.ip)) return { why: `client ${client.ip} is this host` };
  if (facts.isGateway(client.ip)) {
    lookups.push({ table: "container gateway", key: client.ip, value: "never relays by network rule" });
    return undefined;
  }
  const byAddress = addressMayRelay(client, facts, lookups, networksOnly);
  if (byAddress !== undefined) return { why: byAddress };
  if (networksOnly) return undefined;
  const bySender = sender === undefined ? undefined : senderMayRelay(sender, facts, lookups);
  if (bySender !== undefined) return { why: bySender };
  const refusal = facts.rules.relayNameErrors ? nameError(client) : undefined;
  if (refusal !== undefined) return { refusal };
  const byName = nameMayRelay(client, facts, lookups);
  return byName === undefined ? undefined : { why: byName };
}

/** Class R, DRAC, access, and our own addresses. */
function addressMayRelay(
  client: Client,
  facts: PolicyFacts,
  lookups: Lookup[],
  networksOnly: boolean,
): string | undefined {
  const network = relayDomainsEntry(addressKeys(client.ip), facts, lookups);
  if (network !== undefined) return network;
  if (!networksOnly) {
    const entry = facts.drac(client.ip);
    const until =
      entry === undefined
        ? undefined
        : `until ${new Date(entry.expiresAt).toISOString()} (user ${entry.user})`;
    lookups.push({ table: "drac", key: client.ip, value: until });
    if (entry !== undefined) return `drac: ${client.ip} ${until}`;
  }
  const found = searchAccess(facts.access, lookups).list("connect", "+", [{ how: "A", ip: client.ip }]);
  if (found?.value.kind === "relay") return `access: ${found.key} RELAY`;
  const literal = `[${networkKey(client.ip)}]`;
  const own = facts.localDomain(literal);
  lookups.push({
    table: own?.table ?? "local-host-names",
    key: literal,
    value: own === undefined ? undefined : "local",
  });
  return own === undefined ? undefined : `${own.table}: ${own.key}`;
}

/** FEATURE(relay_local_from) and FEATURE(relay_mail_from): what a sender says of itself, and anybody can say. */
function senderMayRelay(sender: string, facts: PolicyFacts, lookups: Lookup[]): string | undefined {
  const { rules } = facts;
  const { localPart, domain } = splitAddress(judgedAddress(sender, facts, lookups));
  const host = domainKey(domain);
  if (host === "") return undefined;
  if (rules.relayLocalFrom) {
    const local = facts.localDomain(host);
    lookups.push({ table: local?.table ?? "local-host-names", key: host, value: local && "local" });
    if (local !== undefined) return `relayLocalFrom: ${host}`;
  }
  if (rules.relayMailFrom === "off") return undefined;
  const steps: Step[] = [{ how: "F", user: localPartKey(localPart), domain: host }];
  if (rules.relayMailFrom === "domain")
    steps.push(rules.relayHostsOnly ? { how: "E", key: host } : byDomain(host));
  const found = searchAccess(facts.access, lookups, rules.lookupDotDomain).list("from", "!", steps);
  return found?.value.kind === "relay" ? `access: ${found.key} RELAY` : undefined;
}

/** What is wrong with the client's name. */
function nameError(client: Client): SmtpReply | undefined {
  const name = clientName(client);
  switch (clientResolve(client)) {
    case "temporary":
      return reply(
        450,
        "4.4.0",
        `Relaying temporarily denied. Cannot resolve PTR record for ${writtenIp(client.ip)}`,
      );
    case "forged":
      return reply(550, "5.7.1", `Relaying denied. IP name possibly forged ${name}`);
    case "none":
      return reply(550, "5.7.1", `Relaying denied. IP name lookup failed ${name}`);
    case "ok":
      return undefined;
  }
}

/** Class m, class w, class R and access, by a name that leads back to the address. */
function nameMayRelay(client: Client, facts: PolicyFacts, lookups: Lookup[]): string | undefined {
  const name = domainKey(client.name);
  if (!isDomainName(name)) return undefined;
  const own = ownDomainOf(name, facts, lookups);
  if (own !== undefined) return own;
  const local = facts.localDomain(name);
  lookups.push({ table: local?.table ?? "local-host-names", key: name, value: local && "local" });
  if (local !== undefined) return `client ${name} is ours, ${local.table}: ${local.key}`;
  const byClass = relayDomainOf(name, facts, lookups);
  if (byClass !== undefined) return byClass;
  const { relayHostsOnly, lookupDotDomain } = facts.rules;
  const step: Step = relayHostsOnly ? { how: "E", key: name } : byDomain(name);
  const found = searchAccess(facts.access, lookups, lookupDotDomain).list("connect", "+", [step]);
  return found?.value.kind === "relay" ? `access: ${found.key} RELAY` : undefined;
}
