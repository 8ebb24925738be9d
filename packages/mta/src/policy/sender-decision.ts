/**
 * check_mail: may this sender use us? The null sender always may.
 */
import { domainKey, localPartKey, splitAddress } from "@mailhost/common/address";
import { byDomain, type Lookup, type Step, searchAccess } from "./access-lookup.ts";
import { accessVerdict, rejection } from "./access-verdict.ts";
import { judgedAddress } from "./judged-address.ts";
import {
  type Client,
  clientName,
  type Decision,
  type DnsAnswer,
  isThisHost,
  type PolicyFacts,
  type Verdict,
} from "./policy-facts.ts";
import { about, reply } from "./reply.ts";

/** What is known besides the address; what is absent is not judged. */
export interface SenderCircumstances {
  readonly client?: Client;
  /** What the DNS says of the sender's domain, see {@link domainToResolve}. */
  readonly domain?: DnsAnswer;
}

/** Decides. */
export function decideSender(sender: string, facts: PolicyFacts, known: SenderCircumstances = {}): Decision {
  const lookups: Lookup[] = [];
  const verdict = judgeSender(sender, facts, known, lookups);
  return {
    verdict: verdict.kind === "refuse" ? { ...verdict, reply: about(sender, verdict.reply) } : verdict,
    lookups,
  };
}

/** The domain of a sender that must be in the DNS; undefined when that does not matter. */
export function domainToResolve(sender: string, facts: PolicyFacts): string | undefined {
  const domain = domainKey(splitAddress(judgedAddress(sender, facts)).domain);
  const asked = !facts.rules.acceptUnresolvableDomains && domain !== "" && domain !== facts.hostname;
  return asked ? domain : undefined;
}

/** The verdict whose reply is not yet told about an address; every look-up goes to `lookups`. */
export function judgeSender(
  sender: string,
  facts: PolicyFacts,
  known: SenderCircumstances,
  lookups: Lookup[],
): Verdict {
  if (sender === "") return { kind: "accept", why: "null sender" };
  const { localPart, domain } = splitAddress(judgedAddress(sender, facts, lookups));
  const user = localPartKey(localPart);
  const host = domainKey(domain);
  if (
    isOwnLoopback(domainKey(splitAddress(sender).domain), facts) &&
    !facts.rules.acceptUnqualifiedSenders &&
    !isOurs(known, facts, lookups)
  )
    return refusal(
      553,
      "5.5.4",
      "Real domain name required for sender address",
      "such an address is this host's own",
    );
  const search = searchAccess(facts.access, lookups, facts.rules.lookupDotDomain);
  const steps: Step[] =
    host === ""
      ? [{ how: "U", user }]
      : [{ how: "F", user, domain: host }, { how: "U", user }, byDomain(host)];
  const byEntry = accessVerdict(search.list("from", "+", steps), rejection(facts.rules));
  if (byEntry !== undefined) return byEntry;
  const { client } = known;
  if (host === "" && !facts.rules.acceptUnqualifiedSenders && client !== undefined && !isThisHost(client.ip))
    return refusal(553, "5.5.4", `Domain name required for sender address ${sender}`, "no domain");
  return (
    unresolvable(sender, facts, known, lookups) ?? { kind: "accept", why: "no entry forbids the sender" }
  );
}

function unresolvable(
  sender: string,
  facts: PolicyFacts,
  { domain: answer }: SenderCircumstances,
  lookups: Lookup[],
): Verdict | undefined {
  const asked = domainToResolve(sender, facts);
  if (asked === undefined || answer === undefined) return undefined;
  const said = { present: "resolves", absent: undefined, temporary: "no answer" }[answer];
  lookups.push({ table: "DNS", key: asked, value: said });
  if (answer === "present") return undefined;
  return answer === "temporary"
    ? refusal(451, "4.1.8", `Domain of sender address ${sender} does not resolve`, "no answer for the domain")
    : refusal(553, "5.1.8", `Domain of sender address ${sender} does not exist`, "no such domain");
}

/** Names under which every host knows itself. */
function isOwnLoopback(domain: string, { ownDomains }: PolicyFacts): boolean {
  return (
    domain === "localhost" ||
    domain === "localhost.uucp" ||
    domain === "[127.0.0.1]" ||
    domain === "[ipv6:::1]" ||
    domain === "[ipv6:0:0:0:0:0:0:0:1]" ||
    ownDomains.some((own) => domain === `localhost.${own}`)
  );
}

/** The client is one of our own hosts, by its name. */
function isOurs({ client }: SenderCircumstances, facts: PolicyFacts, lookups: Lookup[]): boolean {
  if (client === undefined || isThisHost(client.ip)) return true;
  const name = clientName(client);
  const local = facts.localDomain(name);
  lookups.push({ table: local?.table ?? "local-host-names", key: name, value: local && "local" });
  return local !== undefined;
}

function refusal(code: number, enhanced: string, text: string, why: string): Verdict {
  return { kind: "refuse", reply: reply(code, enhanced, text), why };
}
