/**
 * Policy facts from plain objects.
 */
import { parseSettings } from "@mailhost/common/settings/load";
import type { PolicySettings } from "@mailhost/common/settings/sendmail-settings";
import type { Table } from "@mailhost/common/tables/table";
import { findLocalDomain, ownDomainsOf } from "../../src/policy/local-domains.ts";
import type { PolicyFacts } from "../../src/policy/policy-facts.ts";

/** The rules of a host with no settings. */
const DEFAULT_RULES = parseSettings("hostname: mail.linuxaid.com.cn\n", "mailhost.yaml").policy;

/** What a test says of its host. */
export interface FakeHost {
  readonly hostname?: string;
  readonly access?: Readonly<Record<string, string>>;
  readonly relayDomains?: readonly string[];
  readonly localHostNames?: readonly string[];
  readonly domaintable?: Readonly<Record<string, string>>;
  readonly drac?: readonly string[];
  readonly gateways?: readonly string[];
  readonly ownAddresses?: readonly string[];
  /** Lines of `policy:` in mailhost.yaml, as an object. */
  readonly rules?: Partial<PolicySettings>;
}

/** A table with the given entries; keys are folded as a table's are. */
export function fakeTable(file: string, entries: Readonly<Record<string, string>>): Table {
  const map = new Map(Object.entries(entries).map(([key, value]) => [key.toLowerCase(), value]));
  return { file, get: (key) => map.get(key), entries: () => map.entries() };
}

/** The facts of a host. */
export function fakeFacts(host: FakeHost): PolicyFacts {
  const names = new Set(host.localHostNames ?? []);
  const localHostNames = {
    file: "local-host-names",
    has: (d: string) => names.has(d),
    entries: () => names.values(),
  };
  const hostname = host.hostname ?? "mail.linuxaid.com.cn";
  return {
    rules: { ...DEFAULT_RULES, ...host.rules },
    hostname,
    ownDomains: ownDomainsOf(hostname),
    access: fakeTable("access", host.access ?? {}),
    relayDomains: fakeTable(
      "relay-domains",
      Object.fromEntries((host.relayDomains ?? []).map((k) => [k, "RELAY"])),
    ),
    localDomain: (domain) =>
      findLocalDomain(domain, hostname, localHostNames, () => new Set(host.ownAddresses ?? [])),
    renamed: (domain) => host.domaintable?.[domain],
    drac: (ip) =>
      host.drac?.includes(ip) ? { ip, user: "lan", expiresAt: Date.UTC(2026, 0, 1) } : undefined,
    isGateway: (ip) => host.gateways?.includes(ip) ?? false,
  };
}
