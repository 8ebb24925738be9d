/**
 * What a decision on mail looks at, and what it comes to. All of it is plain data: whatever the DNS had to say was asked before.
 */
import type { DracEntry } from "@mailhost/common/drac/drac-table";
import type { SmtpReply } from "@mailhost/common/errors";
import { writtenIp } from "@mailhost/common/ip-address";
import type { PolicySettings } from "@mailhost/common/settings/sendmail-settings";
import type { Table } from "@mailhost/common/tables/table";
import type { Lookup } from "./access-lookup.ts";
import { comparable } from "./local-domains.ts";

/** What a look-up in the DNS came to: `absent`: there is no such name; `temporary`: no answer could be had. */
export type DnsAnswer = "present" | "absent" | "temporary";

/** A login by SMTP AUTH. */
export interface Authenticated {
  /** The account, by its own name. */
  readonly account: string;
  /** The SASL mechanism. */
  readonly mechanism: string;
}

/** A host that calls us. */
export interface Client {
  readonly ip: string;
  /** Its name when forward and reverse look-up agree, else empty. A name that does not agree decides nothing. */
  readonly name: string;
  /** Why it has no name (Sendmail's `${client_resolve}`); absent: `none` when there is none. */
  readonly nameless?: "none" | "forged" | "temporary";
  /** Answers of DNS block lists by zone (policy.dnsbl); a zone that is not in it was not asked. */
  readonly listed?: ReadonlyMap<string, DnsAnswer>;
  /** Connections from its address within a minute, and at once, this one included. */
  readonly rate?: number;
  readonly connections?: number;
  /** What it called itself with HELO or EHLO. */
  readonly helo?: string;
  /** Who has logged in on the connection. */
  readonly auth?: Authenticated;
  /** It may log in now, and has not: a refusal says that this would help. */
  mayAuthenticate?(): boolean;
  /** It called a submission port, where strangers can send nothing: rules that keep strangers away are not for it. */
  readonly submits?: true;
}

/** What the decision looks at. */
export interface PolicyFacts {
  readonly access: Table;
  readonly relayDomains: Table;
  readonly rules: PolicySettings;
  /** The host's own name, lower case. */
  readonly hostname: string;
  /** Class m: the domains that the host's name is in, see local-domains.ts. */
  readonly ownDomains: readonly string[];
  /** Whether mail for a domain is delivered here: the table and key that say so, or undefined. */
  localDomain(domain: string): { readonly table: string; readonly key: string } | undefined;
  /** The name that domaintable has for a domain; absent: it has none. */
  renamed?(domain: string): string | undefined;
  /** The POP-before-SMTP entry of an address. */
  drac(ip: string): DracEntry | undefined;
  /** True for the gateway of the container we run in: it may hide anybody. */
  isGateway(ip: string): boolean;
}

/** The outcome of one stage. `why` names the entry that decided, for the log and for trace. */
export type Verdict =
  | {
      readonly kind: "accept";
      readonly why: string;
      /** An entry of access said OK or RELAY: it ends the checks that would follow. */
      readonly entry?: true;
    }
  /** Accept, and hold the message in the queue. */
  | { readonly kind: "quarantine"; readonly reason: string; readonly why: string }
  | { readonly kind: "discard"; readonly why: string }
  | { readonly kind: "refuse"; readonly reply: SmtpReply; readonly why: string };

/** A verdict with all look-ups that were made for it, in order. */
export interface Decision {
  readonly verdict: Verdict;
  readonly lookups: readonly Lookup[];
}

/** Sendmail's rule: these two and no other address of loopback. */
const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "0:0:0:0:0:0:0:1"]);

/** True for a client on this very host. */
export function isThisHost(ip: string): boolean {
  return LOOPBACK.has(comparable(ip));
}

/** The client's name as Sendmail's `${client_name}` has it: an address in brackets when there is no name to trust. */
export function clientName(client: Client): string {
  if (client.name !== "") return client.name;
  return isThisHost(client.ip) ? "localhost" : `[${writtenIp(client.ip)}]`;
}

/** Sendmail's `${client_resolve}`. */
export function clientResolve(client: Client): "ok" | "none" | "forged" | "temporary" {
  if (client.name !== "" || isThisHost(client.ip)) return "ok";
  return client.nameless ?? "none";
}
