/**
 * Searches in the access table, each remembered: Sendmail's look-up orders D (domain), A (address), F (full address), U (user)
 * and E (exact) of proto.m4, and the list that `mailhost trace` prints.
 *
 * At every step the tagged key (`Connect:`, `From:`, `To:`) is tried before the bare one; with the mark `!` the tagged one alone.
 */
import { domainKey } from "@mailhost/common/address";
import { normalizeIp } from "@mailhost/common/ip-address";
import { addressKeys, detailForms, domainKeys } from "@mailhost/common/tables/address-keys";
import type { Table } from "@mailhost/common/tables/table";
import { type AccessValue, readAccessValue } from "./access-value.ts";

/** One look-up that was made. */
export interface Lookup {
  /** The table as an administrator knows it: `access`, `local-host-names`, `relay-domains`, `drac`, `DNS`. */
  readonly table: string;
  readonly key: string;
  /** What the table said; undefined when it has no such key. */
  readonly value: string | undefined;
}

/** An entry that decides. */
export interface Found {
  /** The entry as it stands in the table: `connect:202.99.11`. */
  readonly key: string;
  /** As written. */
  readonly text: string;
  readonly value: AccessValue;
}

/** A tag of the access table, lower case. */
export type Tag = "connect" | "from" | "to" | "spam" | "clientrate" | "clientconn" | "greetpause";

/** `+`: the tagged key, then the bare one. `!`: the tagged one alone. */
export type Mark = "+" | "!";

/** One search of a list: how, and for what. */
export type Step =
  | { readonly how: "D"; readonly domain: string }
  | { readonly how: "A"; readonly ip: string }
  | { readonly how: "F"; readonly user: string; readonly domain: string }
  | { readonly how: "U"; readonly user: string }
  | { readonly how: "E"; readonly key: string };

/** Searches in one access table; every look-up goes to `record`. */
export interface AccessSearch {
  /**
   * Sendmail's SearchList: the steps in their order, the first that finds anything decides.
   *
   * SKIP ends the search of a domain or address as if nothing had been found; found by user it is the list's result, and every
   * caller takes it for none.
   */
  list(tag: Tag, mark: Mark, steps: readonly Step[]): Found | undefined;
}

/** Opens the searches of one decision. */
export function searchAccess(access: Table, record: Lookup[], dotDomains = false): AccessSearch {
  const probe = (key: string): string | undefined => {
    const value = access.get(key);
    record.push({ table: "access", key, value });
    return value;
  };
  const first = (tag: Tag, mark: Mark, step: Step): Found | undefined => {
    for (const bare of keysOf(step, dotDomains)) {
      let key = `${tag}:${bare}`;
      let text = probe(key);
      // A bare empty key is no key.
      if (text === undefined && mark !== "!" && bare !== "") {
        key = bare;
        text = probe(key);
      }
      if (text === undefined) continue;
      const value = readAccessValue(text);
      if (value.kind === "skip" && (step.how === "D" || step.how === "A")) return undefined;
      return { key, text, value };
    }
    return undefined;
  };
  return {
    list(tag, mark, steps) {
      for (const step of steps) {
        const found = first(tag, mark, step);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

/** The keys of a step without tag, most specific first. */
function keysOf(step: Step, dotDomains: boolean): string[] {
  switch (step.how) {
    case "D":
      return dotDomains ? withDotted(domainKeysOf(step.domain)) : domainKeysOf(step.domain);
    case "A": {
      const keys = addressKeys(step.ip);
      // The last group to go leaves the word that begins every IPv6 key.
      return keys[0]?.startsWith("ipv6:") === true ? [...keys, "ipv6"] : keys;
    }
    case "F":
      return withDomain(step.user, step.domain);
    case "U":
      return withDomain(step.user, "");
    case "E":
      return [step.key];
  }
}

function withDomain(user: string, domain: string): string[] {
  if (!user.includes("+")) return [`${user}@${domain}`];
  return detailForms(user).map((form) => `${form}@${domain}`);
}

/** No top-level domain is a number: `9.202.99.11`, looked up as a domain, would meet the entry of the network 202.99.11. */
function domainKeysOf(domain: string): string[] {
  return isDomainName(domain) ? domainKeys(domain) : [];
}

/** FEATURE(lookupdotdomain): `.b.c` after `a.b.c`. A literal has no such keys. */
function withDotted(keys: readonly string[]): string[] {
  return keys.flatMap((key) => {
    const dot = key.startsWith("[") ? -1 : key.indexOf(".");
    return dot < 0 ? [key] : [key, key.slice(dot)];
  });
}

/** True for what can be a host's name, or an address in brackets. */
export function isDomainName(name: string): boolean {
  return name !== "" && !/(?:^|\.)\d+\.?$/.test(name);
}

/** An address as a key of the tables: `202.99.11.9`, `ipv6:2001:db8:0:0:0:0:0:1`. */
export function networkKey(ip: string): string {
  const normal = normalizeIp(ip) ?? ip;
  return normal.includes(":") ? `ipv6:${normal}` : normal;
}

/** Step D for a domain as it was given. */
export function byDomain(domain: string): Step {
  return { how: "D", domain: domainKey(domain) };
}
