/**
 * check_relay: may this client speak to us at all? In Sendmail's order: access by name, then by address; how many connections it
 * makes; DNS block lists; its name. An entry OK or RELAY of access ends it there.
 */
import { writtenIp } from "@mailhost/common/ip-address";
import { addressKeys } from "@mailhost/common/tables/address-keys";
import { byDomain, type Lookup, type Step, searchAccess, type Tag } from "./access-lookup.ts";
import { readRefusal } from "./access-value.ts";
import { accessVerdict, rejection } from "./access-verdict.ts";
import { readDnsbl } from "./dnsbl.ts";
import {
  type Client,
  clientName,
  clientResolve,
  type Decision,
  type PolicyFacts,
  type Verdict,
} from "./policy-facts.ts";
import { relayDomainsEntry } from "./relay-domains.ts";
import { reply } from "./reply.ts";

/** Longest pause before the greeting: clients wait five minutes for it (RFC 5321 section 4.5.3.2.1). */
const LONGEST_PAUSE = 5 * 60_000;

/** Decides. */
export function decideConnect(client: Client, facts: PolicyFacts): Decision {
  const lookups: Lookup[] = [];
  const search = searchAccess(facts.access, lookups, facts.rules.lookupDotDomain);
  const found = search.list("connect", "+", [
    byDomain(clientName(client).toLowerCase()),
    { how: "A", ip: client.ip },
  ]);
  const verdict =
    accessVerdict(found, rejection(facts.rules)) ??
    quotaVerdict(client, facts, lookups) ??
    (client.submits === true ? undefined : strangerVerdict(client, facts, lookups));
  return { verdict: verdict ?? { kind: "accept", why: "no entry forbids the client" }, lookups };
}

/**
 * What a host's address and name say of it: of strangers, that is. On the submission ports nobody sends who is one, and
 * people at home and on the road are on every list of dynamic addresses.
 */
function strangerVerdict(client: Client, facts: PolicyFacts, lookups: Lookup[]): Verdict | undefined {
  return listedVerdict(client, facts, lookups) ?? reverseNameVerdict(client, facts, lookups);
}

/** FEATURE(ratecontrol) and FEATURE(conncontrol): `ClientRate:` and `ClientConn:` entries by address, the tag alone for all. */
function quotaVerdict(client: Client, facts: PolicyFacts, lookups: Lookup[]): Verdict | undefined {
  const quotas = [
    {
      on: facts.rules.rateControl,
      tag: "clientrate",
      used: client.rate,
      text: "Connection rate limit exceeded.",
    },
    {
      on: facts.rules.connectionControl,
      tag: "clientconn",
      used: client.connections,
      text: "Too many open connections.",
    },
  ] as const;
  for (const { on, tag, used, text } of quotas) {
    if (!on) continue;
    const limit = clientNumber(
      tag,
      [
        { how: "A", ip: client.ip },
        { how: "E", key: "" },
      ],
      facts,
      lookups,
    );
    if (limit !== undefined && limit.value > 0 && (used ?? 0) > limit.value)
      return { kind: "refuse", reply: reply(452, "4.3.2", text), why: `access: ${limit.key} ${limit.value}` };
  }
  return undefined;
}

/** A number that access has for a client under a tag of its own; undefined when there is none, or it is no number. */
function clientNumber(
  tag: Tag,
  steps: readonly Step[],
  facts: PolicyFacts,
  lookups: Lookup[],
): { readonly key: string; readonly value: number } | undefined {
  const found = searchAccess(facts.access, lookups).list(tag, "!", steps);
  if (found === undefined || !/^\d{1,9}$/.test(found.text.trim())) return undefined;
  return { key: found.key, value: Number(found.text) };
}

/** FEATURE(dnsbl): what the block lists said, in their order. */
function listedVerdict(client: Client, facts: PolicyFacts, lookups: Lookup[]): Verdict | undefined {
  for (const list of facts.rules.dnsbl.map(readDnsbl)) {
    const answer = client.listed?.get(list.zone);
    if (answer === undefined) continue;
    lookups.push({
      table: "DNS",
      key: list.nameOf(client.ip) ?? list.zone,
      value: answer === "absent" ? undefined : answer === "present" ? "listed" : "no answer",
    });
    const ip = writtenIp(client.ip);
    const why = `${ip} is listed at ${list.zone}`;
    if (answer === "temporary" && list.refuseUnanswered) {
      const text = `Temporary lookup failure of ${ip} at ${list.zone}`;
      return { kind: "refuse", reply: reply(451, "4.4.3", text), why: `${list.zone} does not answer` };
    }
    if (answer !== "present") continue;
    if (list.action === "quarantine") return { kind: "quarantine", reason: list.zone, why };
    if (list.action === "discard") return { kind: "discard", why };
    const r =
      list.message === ""
        ? reply(550, "5.7.1", `Rejected: ${ip} listed at ${list.zone}`)
        : readRefusal(`5.7.1:${list.messageFor(ip, clientName(client))}`);
    return { kind: "refuse", reply: r, why };
  }
  return undefined;
}

/** FEATURE(require_rdns); addresses of class R need no name. */
function reverseNameVerdict(client: Client, facts: PolicyFacts, lookups: Lookup[]): Verdict | undefined {
  if (!facts.rules.requireReverseName) return undefined;
  if (relayDomainsEntry(addressKeys(client.ip), facts, lookups) !== undefined) return undefined;
  const ip = writtenIp(client.ip);
  const refuse = (code: number, enhanced: string, text: string): Verdict => ({
    kind: "refuse",
    reply: reply(code, enhanced, text),
    why: "the client's address needs a name",
  });
  switch (clientResolve(client)) {
    case "none":
      return refuse(550, "5.7.1", `Fix reverse DNS for ${ip}`);
    case "temporary":
      return refuse(451, "4.1.8", `Client IP address ${ip} does not resolve`);
    case "forged":
      return refuse(451, "4.1.8", `Possibly forged hostname for ${ip}`);
    case "ok":
      return undefined;
  }
}

/** FEATURE(greet_pause): how long the greeting waits (ms), by `GreetPause:` entries, else by the setting. */
export function greetPauseOf(
  client: Client,
  facts: PolicyFacts,
): { readonly pause: number; readonly lookups: readonly Lookup[] } {
  const lookups: Lookup[] = [];
  const steps: Step[] = [byDomain(clientName(client).toLowerCase()), { how: "A", ip: client.ip }];
  const own = clientNumber("greetpause", steps, facts, lookups)?.value;
  return { pause: Math.min(own ?? facts.rules.greetPause, LONGEST_PAUSE), lookups };
}
