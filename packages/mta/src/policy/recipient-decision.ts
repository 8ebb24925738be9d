/**
 * check_rcpt without what FEATURE(delay_checks) adds: does an entry bar the recipient, is it ours, may mail for its domain be passed on,
 * may the client relay?
 *
 * `OK` never relays. Nor does a local part that carries a route (`user%other`, `other!user`, `user@other`): at one of our
 * domains it is refused for whoever may not relay, and is an unknown user for everybody else. At a domain that we pass mail on
 * to, the place that it leads to must be one too (ParseRecipient): that host trusts us, and would send it there.
 */
import { domainKey, joinAddress, localPartKey, splitAddress } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import { byDomain, isDomainName, type Lookup, type Step, searchAccess } from "./access-lookup.ts";
import { accessVerdict } from "./access-verdict.ts";
import { clientMayRelay, type RelayCircumstances } from "./client-relay.ts";
import { hasRoute, judgedAddress, routedAddress } from "./judged-address.ts";
import type { Client, Decision, PolicyFacts, Verdict } from "./policy-facts.ts";
import { ownDomainOf, relayDomainOf } from "./relay-domains.ts";
import { about, reply } from "./reply.ts";

/** The decision on a recipient; `local` tells an accepted one's mail is delivered by us. */
export interface RecipientDecision extends Decision {
  readonly local: boolean;
}

/** What is known besides the client and the address. */
export interface RecipientCircumstances extends RelayCircumstances {
  /** Hosts that take mail for the recipient's domain, see {@link domainForMx}; `temporary`: no answer. */
  readonly mxHosts?: readonly string[] | "temporary";
}

/** The domain whose MX hosts matter to the decision (FEATURE relay_based_on_MX); undefined when they do not. */
export function domainForMx(recipient: string, facts: PolicyFacts): string | undefined {
  const domain = domainKey(splitAddress(judgedAddress(recipient, facts)).domain);
  const asked = facts.rules.relayBasedOnMx && isDomainName(domain) && !domain.startsWith("[");
  return asked && facts.localDomain(domain) === undefined ? domain : undefined;
}

/** Decides on the recipient itself. */
export function decideRecipientAlone(
  client: Client,
  recipient: string,
  facts: PolicyFacts,
  known: RecipientCircumstances,
): RecipientDecision {
  const lookups: Lookup[] = [];
  const judged = judgedAddress(recipient, facts, lookups);
  const { localPart, domain } = splitAddress(judged);
  const home = localHome(domain, facts, lookups);
  const local = home !== undefined;
  const entry = recipientEntry({ given: recipient, judged, local }, facts, lookups);
  if (entry?.kind === "refuse" || entry?.kind === "discard") return { verdict: entry, lookups, local };
  const relay = authenticatedVerdict(client) ?? relayVerdict();
  // What is held must be ours to send, too: an administrator lets it go later.
  return { verdict: relay.kind === "accept" ? (entry ?? relay) : relay, lookups, local };

  function relayVerdict(): Verdict {
    if (facts.rules.promiscuousRelay && home === undefined)
      return { kind: "accept", why: "promiscuousRelay: anybody may relay" };
    if (home !== undefined && !hasRoute(localPartKey(localPart))) return { kind: "accept", why: home };
    const served = home === undefined ? destinationMayBeRelayed(judged, facts, lookups, known) : undefined;
    if (served !== undefined && "why" in served) return { kind: "accept", why: served.why };
    const may = clientMayRelay(client, facts, lookups, known);
    if (may !== undefined && "why" in may) return { kind: "accept", why: home ?? may.why };
    return {
      kind: "refuse",
      reply: about(
        joinAddress(splitAddress(recipient)),
        may?.refusal ?? served?.refusal ?? reply(550, "5.7.1", deniedText(client)),
      ),
      why: "no entry lets the client relay",
    };
  }
}

/** Whoever has logged in may send anywhere; its sender was judged at MAIL. */
function authenticatedVerdict({ auth }: Client): Verdict | undefined {
  return auth === undefined ? undefined : { kind: "accept", why: `authenticated as ${auth.account}` };
}

/** Sendmail's words where AUTH relays, and where the client can use it. */
function deniedText(client: Client): string {
  return `Relaying denied${client.mayAuthenticate?.() === true ? ". Proper authentication required." : ""}`;
}

type Served = { readonly why: string } | { readonly refusal: SmtpReply } | undefined;

/** Why mail for a domain that is not ours is taken from anybody; or why that cannot be told now; or undefined. */
function destinationMayBeRelayed(
  recipient: string,
  facts: PolicyFacts,
  lookups: Lookup[],
  known: RecipientCircumstances,
): Served {
  const served = domainMayBeRelayed(recipient, facts, lookups, known);
  const name = localPartKey(splitAddress(recipient).localPart);
  if (served === undefined || "refusal" in served || !hasRoute(name)) return served;
  const next = routedAddress(name);
  if (next === undefined) return undefined;
  const { localPart, domain } = splitAddress(judgedAddress(next, facts, lookups));
  const home = localHome(domain, facts, lookups);
  if (home !== undefined) return hasRoute(localPart) ? undefined : { why: home };
  // What the DNS said was about the first domain. Each turn takes off some of the text.
  return destinationMayBeRelayed(joinAddress({ localPart, domain }), facts, lookups, {});
}

/** The same for the domain alone. */
function domainMayBeRelayed(
  recipient: string,
  facts: PolicyFacts,
  lookups: Lookup[],
  known: RecipientCircumstances,
): Served {
  const { localPart, domain } = splitAddress(recipient);
  const name = domainKey(domain);
  if (!isDomainName(name)) return undefined;
  const byClass = ownDomainOf(name, facts, lookups) ?? relayDomainOf(name, facts, lookups);
  if (byClass !== undefined) return { why: byClass };
  const found = destinationEntry(localPartKey(localPart), name, facts, lookups);
  if (found?.value.kind === "relay") return { why: `access: ${found.key} RELAY` };
  return servedByUs(name, facts, lookups, known);
}

/** The entry of access for a destination; with FEATURE(relaytofulladdress) of the whole address first. */
function destinationEntry(user: string, name: string, facts: PolicyFacts, lookups: Lookup[]) {
  const { relayHostsOnly, relayToFullAddress, lookupDotDomain } = facts.rules;
  const search = searchAccess(facts.access, lookups, lookupDotDomain);
  if (relayHostsOnly) {
    const full = relayToFullAddress
      ? search.list("to", "!", [{ how: "E", key: `${user}@${name}` }])
      : undefined;
    return full ?? search.list("to", "+", [{ how: "E", key: name }]);
  }
  const steps: Step[] = relayToFullAddress
    ? [{ how: "F", user, domain: name }, byDomain(name), { how: "E", key: `${user}@` }]
    : [byDomain(name)];
  return search.list("to", "+", steps);
}

/** FEATURE(relay_based_on_MX): one of the domain's MX hosts is us. */
function servedByUs(
  name: string,
  facts: PolicyFacts,
  lookups: Lookup[],
  { mxHosts }: RecipientCircumstances,
): Served {
  if (!facts.rules.relayBasedOnMx || mxHosts === undefined) return undefined;
  if (mxHosts === "temporary") {
    lookups.push({ table: "DNS", key: `${name} MX`, value: "no answer" });
    return { refusal: reply(450, "4.4.0", `Can not check MX records for recipient host ${name}`) };
  }
  const ours = mxHosts.map(domainKey).find((host) => facts.localDomain(host) !== undefined);
  lookups.push({
    table: "DNS",
    key: `${name} MX`,
    value: mxHosts.length > 0 ? mxHosts.join(" ") : undefined,
  });
  return ours === undefined ? undefined : { why: `relayBasedOnMx: ${ours} is an MX of ${name}` };
}

/** What makes a domain ours; an address with no domain is ours too. */
function localHome(domain: string, facts: PolicyFacts, lookups: Lookup[]): string | undefined {
  if (domain === "") return "address without a domain";
  const local = facts.localDomain(domainKey(domain));
  lookups.push({
    table: local?.table ?? "local-host-names",
    key: local?.key ?? domainKey(domain),
    value: local === undefined ? undefined : "local",
  });
  return local === undefined ? undefined : `${local.table}: ${local.key}`;
}

/** An entry that bars or holds a recipient (blocklist_recipients); OK and RELAY say nothing here. */
function recipientEntry(
  { given, judged, local }: { given: string; judged: string; local: boolean },
  facts: PolicyFacts,
  lookups: Lookup[],
): Verdict | undefined {
  if (!facts.rules.blocklistRecipients) return undefined;
  const { localPart, domain } = splitAddress(judged);
  const user = localPartKey(localPart);
  const name = domainKey(domain);
  const steps: Step[] = [];
  if (name !== "") steps.push({ how: "F", user, domain: name });
  if (local) steps.push({ how: "U", user });
  if (name !== "") steps.push(byDomain(name));
  const found = searchAccess(facts.access, lookups, facts.rules.lookupDotDomain).list("to", "+", steps);
  // What Sendmail 8.10 wrote for delay_checks; it bars nobody.
  if (found !== undefined && /^\s*SPAM(?:FRIEND|HATER)\s*$/i.test(found.text)) return undefined;
  const verdict = accessVerdict(found, reply(550, "5.2.1", "Mailbox disabled for this recipient"));
  if (verdict === undefined || verdict.kind === "accept") return undefined;
  if (verdict.kind !== "refuse") return verdict;
  return { ...verdict, reply: about(joinAddress(splitAddress(given)), verdict.reply) };
}
