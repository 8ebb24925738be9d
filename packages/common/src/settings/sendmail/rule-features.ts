/**
 * Which FEATUREs made a `sendmail.cf`: their names are in its comments (VERSIONID), their arguments in its rules; where the
 * comments are gone, the rules alone tell.
 */
import { FEATURES } from "./features.ts";
import { addFeature, type Origin, type SendmailConfig } from "./model.ts";
import type { Rule, Ruleset } from "./rulesets.ts";

/** Rules that only one FEATURE makes. */
const MARKS: readonly (readonly [feature: string, rule: RegExp, ruleset?: RegExp])[] = [
  ["accept_unresolvable_domains", /^<\?> \$\* < @ \$\+ > \$: <OKR> \$1 < @ \$2 >$/],
  ["allmasquerade", /\$>MasqHdr/, /^HdrToL$/],
  ["block_bad_helo", /bogus HELO name/],
  ["blocklist_recipients", /^<\?> \$\+ < @ \$\* > \$: <> .*<F:\$1@\$2> <D:\$2>$/],
  ["conncontrol", /<! ClientConn>/],
  ["drac", /\$\(drac \$/],
  ["generics_entire_domain", /^\$\+ < @ \$\* \$=G \. >/],
  ["lookupdotdomain", /\$\(access \.\$2 /],
  ["masquerade_entire_domain", /< @ \$\* \$=M \. >/],
  ["masquerade_envelope", /\$>MasqHdr/, /^MasqEnv$/],
  ["ratecontrol", /<! ClientRate>/],
  ["redirect", /\.REDIRECT\. >/],
  ["relay_based_on_MX", /\$\(mxserved /],
  ["relay_entire_domain", /^(?:<\?> )?\$\* \$=m \$@ RELAY$/],
  ["relay_hosts_only", /^<\?> \$=R \$@ RELAY$/],
  ["relay_local_from", /^<\?> \$\+ < @ \$=w > \$@ RELAY$/],
  ["require_rdns", /Fix reverse DNS for/],
  ["virtuser_entire_domain", /< @ \$\* \$=\{VirtHost\} \. >/],
];

/**
 * Adds the FEATUREs to a configuration that Sendmail's m4 files made.
 *
 * @param named names in its VERSIONID comments
 */
export function recogniseFeatures(
  config: SendmailConfig,
  rulesets: readonly Ruleset[],
  named: ReadonlyMap<string, Origin>,
): void {
  const all = rulesets.flatMap(({ name, rules }) => rules.map((rule) => ({ name, rule })));
  const found = new Map<string, Origin>();
  for (const [name, origin] of named) if (Object.hasOwn(FEATURES, name)) found.set(name, origin);
  for (const [feature, shape, where] of MARKS) {
    const hit = all.find(({ name, rule }) => shape.test(rule.text) && (where?.test(name) ?? true));
    if (hit !== undefined && !found.has(feature)) found.set(feature, hit.rule.origin);
  }
  recogniseAbsences(rulesets, found);
  // These carry arguments, or come several times.
  for (const name of [
    "access_db",
    "always_add_domain",
    "delay_checks",
    "dnsbl",
    "enhdnsbl",
    "greet_pause",
    "nullclient",
    "relay_mail_from",
  ]) {
    found.delete(name);
  }
  for (const [name, origin] of found) addFeature(config, name, [], origin);
  recogniseArguments(config, rulesets, named);
  for (const list of blockLists(all.map(({ rule }) => rule))) {
    addFeature(config, "dnsbl", list.args, list.origin);
  }
}

/** FEATUREs that leave rules out. */
function recogniseAbsences(rulesets: readonly Ruleset[], found: Map<string, Origin>): void {
  const check = (name: RegExp) => rulesets.filter((set) => name.test(set.name) && set.rules.length > 0);
  const mail = check(/^Basic_check_mail$/);
  if (mail.length > 0 && !has(mail, /Domain name required for sender/)) {
    found.set("accept_unqualified_senders", mail[0]!.origin);
  }
  const recipient = check(/^Basic_check_rcpt$/);
  if (recipient.length > 0 && !has(recipient, /Relay_ok/))
    found.set("promiscuous_relay", recipient[0]!.origin);
  const masquerade = check(/^MasqHdr$/);
  if (masquerade.length > 0 && has(masquerade, /\*LOCAL\* > \$\* \$: \$1 < @ \$j \. @ \$M/)) {
    if (!has(masquerade, /\$=w \. > \$\* \$: .*@ \$M/))
      found.set("limited_masquerade", masquerade[0]!.origin);
  }
}

function has(rulesets: readonly Ruleset[], shape: RegExp): boolean {
  return rulesets.some((set) => set.rules.some((rule) => shape.test(rule.text)));
}

function recogniseArguments(
  config: SendmailConfig,
  rulesets: readonly Ruleset[],
  named: ReadonlyMap<string, Origin>,
): void {
  const rulesOf = (name: string) => rulesets.filter((set) => set.name === name).flatMap((set) => set.rules);
  const find = (name: string, shape: RegExp) => {
    for (const rule of rulesOf(name)) {
      const match = shape.exec(rule.text);
      if (match !== null) return { origin: rule.origin, match };
    }
    return undefined;
  };

  const access = config.maps.get("access");
  if (access !== undefined) {
    const full = find("Rcpt_ok", /<F:\$1@\$2> <D:\$2> <F:\$1@> <>$/);
    const args = full === undefined ? [] : ["relaytofulladdress"];
    addFeature(config, "access_db", ["", ...args], access.origin);
  }

  const reject = find("Basic_check_relay", /^<REJECT> <\$\*> \$#error (?:\$@ \S+ )?\$: (.*)$/);
  if (reject !== undefined && reject.match[1] !== '"550 Access denied"') {
    const text = reject.match[1]!.replaceAll('"', "").trim();
    config.own.set("policy.rejectMessage", { value: text, origin: reject.origin });
  }

  const delayed = rulesets.find((set) => set.name === "checkrcpt");
  if (delayed !== undefined) {
    const friend = find("check_rcpt", /^<FRIEND> /);
    const hater = find("check_rcpt", /^<HATER> /);
    addFeature(config, "delay_checks", friend ? ["friend"] : hater ? ["hater"] : [], delayed.origin);
  }

  const pause = rulesets.find((set) => set.name === "greet_pause");
  if (pause !== undefined) {
    const given = find("greet_pause", /\$# ?(\d+)$/);
    addFeature(config, "greet_pause", given === undefined ? [] : [given.match[1]!], pause.origin);
  }

  const added = find("AddDomain", /^\$\+ \$@ \$1 < @ (\S+) >$/);
  if (added !== undefined) {
    const [, domain = ""] = added.match;
    addFeature(config, "always_add_domain", domain === "*LOCAL*" ? [] : [domain], added.origin);
  }

  const from = find("Relay_ok", /SearchList <! From>.*?(<D:\$2>)? <>$/);
  if (from !== undefined) {
    const domain = /<D:\$2>/.test(from.match[0]);
    addFeature(config, "relay_mail_from", domain ? ["domain"] : [], from.origin);
  }

  const nullclient = named.get("nullclient");
  if (nullclient !== undefined) {
    addFeature(config, "nullclient", [config.macros.get("H")?.value ?? ""], nullclient);
    addFeature(config, "allmasquerade", [], nullclient);
    addFeature(config, "masquerade_envelope", [], nullclient);
  }
}

interface BlockListCall {
  readonly args: readonly string[];
  readonly origin: Origin;
}

/** The calls of FEATURE(dnsbl) and FEATURE(enhdnsbl): a look-up in a zone, then what a listed client is told. */
function blockLists(rules: readonly Rule[]): BlockListCall[] {
  const calls: BlockListCall[] = [];
  for (const [i, { text, origin }] of rules.entries()) {
    const zone = /\$\((?:dnsbl|ednsbl) \$4\.\$3\.\$2\.\$1\.(\S+?)\.? \$: OK \$\)/.exec(text)?.[1];
    if (zone === undefined) continue;
    let unanswered = "";
    for (const { text: next } of rules.slice(i + 1, i + 5)) {
      if (/^<\?>\$\+<TMP> \$#error/.test(next)) unanswered = "t";
      const verdict = /^<\?>\S+ \$#(?:error \$@ \S+|discard) \$: (.*)$/.exec(next);
      if (verdict === null || next.includes("<TMP>")) continue;
      calls.push({ args: trimmed([zone, messageOf(next, verdict[1]!, zone), unanswered]), origin });
      break;
    }
  }
  return calls;
}

/** The message, left out where it is the usual one. */
function messageOf(rule: string, text: string, zone: string): string {
  if (rule.includes("$@ quarantine")) return "quarantine";
  if (rule.includes("$#discard")) return "discard";
  const usual = `"550 Rejected: " $&{client_addr} " listed at ${zone}"`;
  return text === usual ? "" : text;
}

function trimmed(args: readonly string[]): string[] {
  const last = args.findLastIndex((arg) => arg !== "");
  return args.slice(0, last + 1);
}
