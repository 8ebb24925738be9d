/**
 * Who may send what to whom: the decision at connect, at MAIL and at RCPT, in Sendmail's order (check_relay,
 * check_mail, check_rcpt). Pure: tables go in, the verdict and every look-up that led to it come out. What
 * `mailhost trace` prints is exactly what a session does.
 *
 * `OK` never relays. Nor does a local part that carries a route (`user%other`, `other!user`, `user@other`): at one of our
 * domains it is refused for whoever may not relay, and is an unknown user for everybody else.
 */
import { domainKey, joinAddress, localPartKey, splitAddress } from "@mailhost/common/address";
import type { DracEntry } from "@mailhost/common/drac/drac-table";
import type { SmtpReply } from "@mailhost/common/errors";
import { addressKeys, domainKeys } from "@mailhost/common/tables/address-keys";
import type { Table } from "@mailhost/common/tables/table";
import { type Found, type Lookup, searchAccess } from "./access-lookup.ts";
import { comparable } from "./local-domains.ts";
import { reply, replyAbout } from "./reply.ts";

/** A host that calls us. */
export interface Client {
  readonly ip: string;
  /** Its name when forward and reverse look-up agree, else empty. A name that does not agree decides nothing. */
  readonly name: string;
}

/** What the decision looks at. */
export interface PolicyFacts {
  readonly access: Table;
  readonly relayDomains: Table;
  /** Whether mail for a domain is delivered here: the table and key that say so, or undefined. */
  localDomain(domain: string): { readonly table: string; readonly key: string } | undefined;
  /** The POP-before-SMTP entry of an address. */
  drac(ip: string): DracEntry | undefined;
  /** True for the gateway of the container we run in: it may hide anybody. */
  isGateway(ip: string): boolean;
}

/** The outcome of one stage. `why` names the entry that decided, for the log and for trace. */
export type Verdict =
  | { readonly kind: "accept"; readonly why: string }
  | { readonly kind: "discard"; readonly why: string }
  | { readonly kind: "refuse"; readonly reply: SmtpReply; readonly why: string };

/** A verdict with all look-ups that were made for it, in order. */
export interface Decision {
  readonly verdict: Verdict;
  readonly lookups: readonly Lookup[];
}

/** The decision on a recipient; `local` tells an accepted one's mail is delivered by us. */
export interface RecipientDecision extends Decision {
  readonly local: boolean;
}

/** Sendmail's rule: these two and no other address of loopback. */
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "0:0:0:0:0:0:0:1"]);

/** True for a client on this very host. */
export function isThisHost(ip: string): boolean {
  return LOOPBACK.has(comparable(ip));
}

/** check_relay: may this client speak to us at all? By its name, then by its address. */
export function decideConnect(client: Client, facts: PolicyFacts): Decision {
  const lookups: Lookup[] = [];
  const search = searchAccess(facts.access, lookups);
  const found =
    (isDomainName(client.name) ? search.domain("connect", client.name) : undefined) ??
    search.address("connect", client.ip);
  const verdict = accessVerdict(found, reply(550, "5.7.1", "Access denied"));
  return { verdict: verdict ?? { kind: "accept", why: "no entry forbids the client" }, lookups };
}

/** check_mail: may this sender use us? The null sender always may. */
export function decideSender(sender: string, facts: PolicyFacts): Decision {
  const lookups: Lookup[] = [];
  if (sender === "") return { verdict: { kind: "accept", why: "null sender" }, lookups };
  const { localPart, domain } = splitAddress(sender);
  const search = searchAccess(facts.access, lookups);
  const found =
    search.mailbox("from", localPartKey(localPart), domainKey(domain), true) ??
    search.domain("from", domainKey(domain));
  const verdict = accessVerdict(found, reply(550, "5.7.1", "Access denied"));
  return { verdict: verdict ?? { kind: "accept", why: "no entry forbids the sender" }, lookups };
}

/** check_rcpt: is the recipient ours, or may this client relay to it? */
export function decideRecipient(
  client: Client,
  recipient: string,
  facts: PolicyFacts,
  networksOnly = false,
): RecipientDecision {
  const lookups: Lookup[] = [];
  const { localPart, domain } = splitAddress(recipient);
  const home = localHome(domain, facts, lookups);
  const barred = recipientEntry(recipient, home !== undefined, facts, lookups);
  if (barred !== undefined) return { verdict: barred, lookups, local: home !== undefined };
  const relay = () => clientMayRelay(client, facts, lookups, networksOnly);
  const denied: Verdict = {
    kind: "refuse",
    reply: replyAbout(recipient, 550, "5.7.1", "Relaying denied"),
    why: "no entry lets the client relay",
  };
  if (home !== undefined) {
    if (!/[%!@]/.test(localPartKey(localPart)))
      return { verdict: { kind: "accept", why: home }, lookups, local: true };
    const why = relay();
    return { verdict: why === undefined ? denied : { kind: "accept", why: home }, lookups, local: true };
  }
  const why = destinationMayBeRelayed(domain, facts, lookups) ?? relay();
  return { verdict: why === undefined ? denied : { kind: "accept", why }, lookups, local: false };
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
  return clientMayRelay(client, facts, lookups, true);
}

/** Why a client may relay anywhere, or undefined. */
function clientMayRelay(
  client: Client,
  facts: PolicyFacts,
  lookups: Lookup[],
  networksOnly: boolean,
): string | undefined {
  if (isThisHost(client.ip)) return `client ${client.ip} is this host`;
  if (facts.isGateway(client.ip)) {
    lookups.push({ table: "container gateway", key: client.ip, value: "never relays by network rule" });
    return undefined;
  }
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
  const byAddress = searchAccess(facts.access, lookups).address("connect", client.ip);
  if (byAddress?.value.kind === "relay") return `access: ${byAddress.key} RELAY`;
  const name = domainKey(client.name);
  if (networksOnly || !isDomainName(name)) return undefined;
  const byClass = relayDomainsEntry(domainKeys(name), facts, lookups);
  if (byClass !== undefined) return byClass;
  const byName = searchAccess(facts.access, lookups).domain("connect", name);
  return byName?.value.kind === "relay" ? `access: ${byName.key} RELAY` : undefined;
}

/** Why mail for a domain that is not ours is taken from anybody, or undefined. */
function destinationMayBeRelayed(domain: string, facts: PolicyFacts, lookups: Lookup[]): string | undefined {
  const name = domainKey(domain);
  if (!isDomainName(name)) return undefined;
  const byClass = relayDomainsEntry(domainKeys(name), facts, lookups);
  if (byClass !== undefined) return byClass;
  const found = searchAccess(facts.access, lookups).domain("to", name);
  return found?.value.kind === "relay" ? `access: ${found.key} RELAY` : undefined;
}

/**
 * True for what can be a host's name. `9.202.99.11` cannot (no top-level domain is a number): looked up as a domain it
 * would meet the entry of the network 202.99.11.
 */
function isDomainName(name: string): boolean {
  return name !== "" && !/(?:^|\.)\d+\.?$/.test(name);
}

function relayDomainsEntry(
  keys: readonly string[],
  facts: PolicyFacts,
  lookups: Lookup[],
): string | undefined {
  for (const key of keys) {
    const value = facts.relayDomains.get(key);
    lookups.push({ table: "relay-domains", key, value });
    if (value !== undefined) return `relay-domains: ${key}`;
  }
  return undefined;
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

/** An entry that bars a recipient (blocklist_recipients); OK and RELAY say nothing here. */
function recipientEntry(
  recipient: string,
  local: boolean,
  facts: PolicyFacts,
  lookups: Lookup[],
): Verdict | undefined {
  const { localPart, domain } = splitAddress(recipient);
  const search = searchAccess(facts.access, lookups);
  const name = domainKey(domain);
  const found = search.mailbox("to", localPartKey(localPart), name, local) ?? search.domain("to", name);
  const verdict = accessVerdict(found, reply(550, "5.2.1", "Mailbox disabled for this recipient"));
  if (verdict === undefined || verdict.kind === "accept") return undefined;
  if (verdict.kind === "discard") return verdict;
  const { code, enhanced, text } = verdict.reply;
  return { ...verdict, reply: replyAbout(joinAddress({ localPart, domain }), code, enhanced, text) };
}

/** What an entry asks for, as a verdict; undefined when there is no entry. */
function accessVerdict(found: Found | undefined, rejection: SmtpReply): Verdict | undefined {
  if (found === undefined) return undefined;
  const why = `access: ${found.key}`;
  switch (found.value.kind) {
    case "reject":
      return { kind: "refuse", reply: rejection, why: `${why} REJECT` };
    case "error":
      return { kind: "refuse", reply: found.value.reply, why: `${why} ERROR` };
    case "discard":
      return { kind: "discard", why: `${why} DISCARD` };
    default:
      return { kind: "accept", why: `${why} ${found.value.kind.toUpperCase()}` };
  }
}
