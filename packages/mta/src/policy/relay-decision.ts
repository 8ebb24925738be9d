/**
 * Who may send what to whom: the decision at connect, at MAIL and at RCPT, in Sendmail's order (check_relay,
 * check_mail, check_rcpt). Pure: tables and answers of the DNS go in, the verdict and every look-up that led to it come out. What
 * `mailhost trace` and `sendmail -bt` print is exactly what a session does.
 *
 * The parts: connect-decision.ts, sender-decision.ts, recipient-decision.ts with client-relay.ts. Here they are put together, with
 * what FEATURE(delay_checks) and FEATURE(block_bad_helo) add at RCPT.
 */
import { domainKey, localPartKey, splitAddress } from "@mailhost/common/address";
import { addressKeys } from "@mailhost/common/tables/address-keys";
import { byDomain, type Lookup, type Step, searchAccess } from "./access-lookup.ts";
import { clientMayRelay } from "./client-relay.ts";
import { decideConnect } from "./connect-decision.ts";
import { judgedAddress } from "./judged-address.ts";
import type { Client, DnsAnswer, PolicyFacts, Verdict } from "./policy-facts.ts";
import { isThisHost } from "./policy-facts.ts";
import {
  decideRecipientAlone,
  type RecipientCircumstances,
  type RecipientDecision,
} from "./recipient-decision.ts";
import { relayDomainsEntry } from "./relay-domains.ts";
import { about, reply } from "./reply.ts";
import { judgeSender } from "./sender-decision.ts";

export { decideConnect } from "./connect-decision.ts";
export type { Authenticated, Client, Decision, DnsAnswer, PolicyFacts, Verdict } from "./policy-facts.ts";
export { isThisHost } from "./policy-facts.ts";
export type { RecipientDecision } from "./recipient-decision.ts";
export { decideSender } from "./sender-decision.ts";

/** All that is known at RCPT. */
export interface Circumstances extends RecipientCircumstances {
  /** What the DNS says of the sender's domain. */
  readonly senderDomain?: DnsAnswer;
}

/** check_rcpt: is the recipient ours, or may this client relay to it? With delay_checks, also all that was put off. */
export function decideRecipient(
  client: Client,
  recipient: string,
  facts: PolicyFacts,
  known: Circumstances = {},
): RecipientDecision {
  const decision = decideRecipientAlone(client, recipient, facts, known);
  const { delayChecks, blockBadHelo } = facts.rules;
  if (decision.verdict.kind !== "accept" || (delayChecks === "off" && !blockBadHelo)) return decision;
  const lookups = [...decision.lookups];
  const verdict = delayedVerdict(client, recipient, facts, known, lookups) ?? decision.verdict;
  return { ...decision, lookups, verdict };
}

/**
 * Whether a client may relay by where it is: loopback, a network of relay-domains or access. DRAC and names do not count:
 * this is who may submit without a password, and whose sessions are not counted.
 */
export function clientIsTrustedNetwork(
  client: Client,
  facts: PolicyFacts,
  lookups: Lookup[] = [],
): string | undefined {
  const may = clientMayRelay(client, facts, lookups, { networksOnly: true });
  return may !== undefined && "why" in may ? may.why : undefined;
}

/** What comes after the recipient was found good; undefined: nothing stands against it. */
function delayedVerdict(
  client: Client,
  recipient: string,
  facts: PolicyFacts,
  known: Circumstances,
  lookups: Lookup[],
): Verdict | undefined {
  const { rules } = facts;
  // As in Sendmail: whoever has logged in is judged neither as sender nor by where it is.
  if (client.auth !== undefined) return undefined;
  if (rules.delayChecks !== "off" && known.sender !== undefined) {
    if (isSpared(recipient, facts, lookups)) return undefined;
    const answer = known.senderDomain === undefined ? {} : { domain: known.senderDomain };
    const sender = judgeSender(known.sender, facts, { client, ...answer }, lookups);
    // An entry that accepts the sender ends it here, one that accepts the client does not.
    if (sender.kind === "accept" && sender.entry === true) return undefined;
    const connect = sender.kind === "accept" ? decideConnect(client, facts) : undefined;
    lookups.push(...(connect?.lookups ?? []));
    const verdict = connect?.verdict ?? sender;
    // At RCPT a reply is about the recipient, whoever was judged.
    if (verdict.kind === "refuse") return { ...verdict, reply: about(recipient, verdict.reply) };
    if (verdict.kind !== "accept") return verdict;
  }
  return badHelo(client, recipient, facts, lookups);
}

/** FEATURE(delay_checks, friend): FRIENDs are spared the checks; hater: all but HATERs are. Looked up with `Spam:` alone. */
function isSpared(recipient: string, facts: PolicyFacts, lookups: Lookup[]): boolean {
  const { delayChecks, lookupDotDomain } = facts.rules;
  if (delayChecks !== "friend" && delayChecks !== "hater") return false;
  const { localPart, domain } = splitAddress(judgedAddress(recipient, facts));
  const user = localPartKey(localPart);
  const host = domain === "" ? facts.hostname : domainKey(domain);
  const steps: Step[] = [{ how: "F", user, domain: host }, byDomain(host)];
  if (domain === "" || facts.localDomain(host) !== undefined) steps.push({ how: "U", user });
  const found = searchAccess(facts.access, lookups, lookupDotDomain).list("spam", "!", steps);
  const said = found?.text.trim().toUpperCase();
  return delayChecks === "friend" ? said === "FRIEND" : said !== "HATER";
}

/** FEATURE(block_bad_helo): our own names, and names without a dot; addresses of class R may say what they like. */
function badHelo(
  client: Client,
  recipient: string,
  facts: PolicyFacts,
  lookups: Lookup[],
): Verdict | undefined {
  const { helo } = client;
  if (!facts.rules.blockBadHelo || helo === undefined || isThisHost(client.ip)) return undefined;
  if (relayDomainsEntry(addressKeys(client.ip), facts, lookups) !== undefined) return undefined;
  const name = domainKey(helo);
  const local = facts.localDomain(name);
  lookups.push({ table: local?.table ?? "local-host-names", key: name, value: local && "local" });
  const qualified = /[^.]\..*[^.]/.test(name) || /^\[ipv6:.+\]$/.test(name);
  if (local === undefined && qualified) return undefined;
  return {
    kind: "refuse",
    reply: about(recipient, reply(550, "5.7.1", `bogus HELO name used: ${helo}`)),
    why: local === undefined ? "HELO with a name without a dot" : "HELO with a name of ours",
  };
}
