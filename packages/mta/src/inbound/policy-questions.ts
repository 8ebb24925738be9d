/**
 * What policy wants to know of the DNS, asked before it decides. Nothing here rejects: no answer is an answer too.
 */
import { domainToASCII } from "node:url";
import { isAbsent, type Resolver } from "../dns/resolver.ts";
import { readDnsbl } from "../policy/dnsbl.ts";
import type { DnsAnswer } from "../policy/policy-facts.ts";

/** Whether the DNS knows a domain that mail can come from: by address, by MX; an address in brackets by its name. */
export async function domainInDns(domain: string, resolver: Resolver): Promise<DnsAnswer> {
  const literal = /^\[(?:ipv6:)?(.+)\]$/i.exec(domain)?.[1];
  if (literal !== undefined) return answerOf([() => resolver.ptr(literal)]);
  const name = domainToASCII(domain);
  if (name === "") return "absent";
  return answerOf([() => resolver.a(name), () => resolver.mx(name), () => resolver.aaaa(name)]);
}

/** What each DNS block list says of a client, all asked at once. */
export async function askBlockLists(
  items: readonly string[],
  ip: string,
  resolver: Resolver,
): Promise<ReadonlyMap<string, DnsAnswer>> {
  const answers = await Promise.all(
    items.map(readDnsbl).map(async (list) => {
      const name = list.nameOf(ip);
      return name === undefined
        ? undefined
        : ([list.zone, await answerOf([() => resolver.a(name)])] as const);
    }),
  );
  return new Map(answers.filter((answer) => answer !== undefined));
}

/** The hosts that take mail for a domain, for FEATURE(relay_based_on_MX). */
export async function mxHostsOf(
  domain: string,
  resolver: Resolver,
): Promise<readonly string[] | "temporary"> {
  try {
    return (await resolver.mx(domain)).map((mx) => mx.exchange).filter((host) => host !== "");
  } catch (error) {
    return isAbsent(error) ? [] : "temporary";
  }
}

/** The questions one after another until one has records. */
async function answerOf(questions: readonly (() => Promise<readonly unknown[]>)[]): Promise<DnsAnswer> {
  let answer: DnsAnswer = "absent";
  for (const ask of questions) {
    try {
      if ((await ask()).length > 0) return "present";
    } catch (error) {
      if (!isAbsent(error)) answer = "temporary";
    }
  }
  return answer;
}
