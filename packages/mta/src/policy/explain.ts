/**
 * Decisions in words: the look-ups as `mailhost trace` prints them, and what a ruleset of Sendmail's would return, for `sendmail -bt`.
 */
import { isIP } from "node:net";
import type { Lookup } from "./access-lookup.ts";
import { decideConnect } from "./connect-decision.ts";
import type { Client, Decision, PolicyFacts, Verdict } from "./policy-facts.ts";
import { type Circumstances, decideRecipient } from "./relay-decision.ts";
import { decideSender } from "./sender-decision.ts";

/** A ruleset that was run. */
export interface Explanation {
  /** Each look-up, in order: `access: connect:192.0.2 -> RELAY`. */
  readonly lookups: readonly string[];
  /** As Sendmail's `returns:`: `RELAY`, `OK`, `$#error $@ 5.7.1 $: "550 Access denied"`, `$#discard $: discard`. */
  readonly returns: string;
  /** The entry that decided. */
  readonly why: string;
}

/** The rulesets that {@link explainRuleset} runs; `checkrcpt` and its like are their names under delay_checks. */
export const EXPLAINED_RULESETS: readonly string[] = [
  "check_relay",
  "check_mail",
  "check_rcpt",
  "checkrelay",
  "checkmail",
  "checkrcpt",
  "Basic_check_relay",
  "Basic_check_mail",
  "Basic_check_rcpt",
];

/**
 * Runs a ruleset by the decision that a session obeys.
 *
 * @param input as typed after the name: an address for check_mail and check_rcpt, `name $| address` for check_relay
 * @param client what `.D{client_addr}` and `.D{client_name}` say
 * @param known `sender` is what `.Df` says
 * @returns undefined for a ruleset that is none of ours
 */
export function explainRuleset(
  name: string,
  input: string,
  facts: PolicyFacts,
  client: Client,
  known: Circumstances = {},
): Explanation | undefined {
  if (!EXPLAINED_RULESETS.some((r) => r.toLowerCase() === name.toLowerCase())) return undefined;
  const address = input.trim().replace(/^<(.*)>$/, "$1");
  switch (/relay|mail|rcpt/i.exec(name)![0].toLowerCase()) {
    case "relay":
      return explained(decideConnect(clientOf(input, client), facts), "OK");
    case "mail": {
      const domain = known.senderDomain === undefined ? {} : { domain: known.senderDomain };
      return explained(decideSender(address, facts, { client, ...domain }), "OK");
    }
    default: {
      // Only the ruleset itself does what delay_checks puts off.
      const alone = name.toLowerCase() !== "check_rcpt";
      const rules = alone ? { ...facts.rules, delayChecks: "off" as const } : facts.rules;
      return explained(decideRecipient(client, address, { ...facts, rules }, known), "RELAY");
    }
  }
}

/** `access: connect:192.0.2 -> RELAY`, `access: 192.0 - no entry`. */
export function lookupText({ table, key, value }: Lookup): string {
  return `${table}: ${key} ${value === undefined ? "- no entry" : `-> ${value}`}`;
}

/** `accepted, access: 192.0.2 RELAY`. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case "refuse":
      return `refused, ${verdict.why}`;
    case "discard":
      return `to be dropped, ${verdict.why}`;
    case "quarantine":
      return `to be held (${verdict.reason}), ${verdict.why}`;
    case "accept":
      return `accepted, ${verdict.why}`;
  }
}

function explained({ verdict, lookups }: Decision, accepted: string): Explanation {
  return { lookups: lookups.map(lookupText), returns: returnsText(verdict, accepted), why: verdict.why };
}

function returnsText(verdict: Verdict, accepted: string): string {
  switch (verdict.kind) {
    case "refuse": {
      const { code, enhanced, text } = verdict.reply;
      return `$#error $@ ${enhanced} $: "${code} ${text.replace(/^<[^>]*>\.\.\. /, "")}"`;
    }
    case "discard":
      return "$#discard $: discard";
    case "quarantine":
      return `$#error $@ quarantine $: ${verdict.reason}`;
    case "accept":
      return accepted;
  }
}

/** The client that check_relay is told of; what is not in the input is as before. */
function clientOf(input: string, client: Client): Client {
  const [name = "", ip = ""] = input.split("$|").map((part) => part.trim());
  const address = ip.replace(/^IPv6:/i, "");
  if (isIP(address) === 0) return client;
  return { ...client, ip: address, name: name.startsWith("[") ? "" : name.toLowerCase() };
}
