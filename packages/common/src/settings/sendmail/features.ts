/**
 * Every FEATURE of Sendmail 8.11 to 8.18: what it does to the settings, or why it does nothing here. What a FEATURE also does
 * to maps, classes, macros and mailers is in the configuration already, and read from there.
 */
import type { Draft } from "./draft.ts";
import type { Given } from "./model.ts";
import { readCount } from "./option-values.ts";

/** What a FEATURE means. */
export type FeatureMeaning =
  /** Puts one call of it into the settings. */
  | ((call: Given<readonly string[]>, draft: Draft) => void)
  /** Does nothing here, for this reason. */
  | string
  /** Its whole meaning is in the maps, classes, macros and mailers; or mailhost behaves so anyway. */
  | undefined;

const on =
  (path: string, value: unknown = true): FeatureMeaning =>
  ({ origin }, draft) =>
    draft.set(path, value, origin);

const UUCP = "UUCP is not spoken";
const ALWAYS = "mailhost takes addresses as it finds them";

export const FEATURES: Readonly<Record<string, FeatureMeaning>> = {
  accept_unqualified_senders: on("policy.acceptUnqualifiedSenders"),
  accept_unresolvable_domains: on("policy.acceptUnresolvableDomains"),
  access_db: ({ value, origin }, draft) => {
    for (const word of value.slice(1).map((arg) => arg.toLowerCase())) {
      if (word === "lookupdotdomain") draft.set("policy.lookupDotDomain", true, origin);
      else if (word === "relaytofulladdress") draft.set("policy.relayToFullAddress", true, origin);
      else if (word !== "skip" && word !== "")
        draft.fault(origin, `FEATURE(access_db): unknown argument ${word}`);
    }
  },
  allmasquerade: on("rewrite.allMasquerade"),
  always_add_domain: ({ value: [domain], origin }, draft) => {
    draft.set("rewrite.alwaysAddDomain", true, origin);
    if (domain !== undefined && domain !== "") draft.set("rewrite.addedDomain", domain, origin);
  },
  authinfo: undefined,
  badmx: "MX records that point to private addresses are not refused",
  bcc: "no copies are sent behind the sender's back",
  bestmx_is_local: "name the domains in local-host-names; being their best MX does not make them local",
  bitdomain: "BITNET is no more",
  blacklist_recipients: on("policy.blocklistRecipients"),
  block_bad_helo: on("policy.blockBadHelo"),
  blocklist_recipients: on("policy.blocklistRecipients"),
  check_cert_altnames: "certificates do not decide about relaying",
  check_other: "commands are checked by the server itself",
  compat_check: "Compat: entries of access, for pairs of sender and recipient, are not looked up",
  conncontrol: on("policy.connectionControl"),
  delay_checks: ({ value: [how = ""], origin }, draft) => {
    const kind = { f: "friend", h: "hater", "": "on" }[how.charAt(0).toLowerCase()];
    if (kind === undefined)
      draft.fault(origin, `FEATURE(delay_checks): expected friend or hater, found ${how}`);
    else draft.set("policy.delayChecks", kind, origin);
  },
  dnsbl: blockList,
  domainmap: "tables of domains are read by domaintable and mailertable only",
  domaintable: undefined,
  drac: on("drac.enabled"),
  enhdnsbl: blockList,
  generics_entire_domain: on("domains.genericsEntire"),
  genericstable: undefined,
  greet_pause: ({ value: [ms = ""], origin }, draft) => {
    const read = readCount(ms === "" ? "0" : ms);
    if (read.ok) draft.set("policy.greetPause", read.value, origin);
    else draft.fault(origin, `FEATURE(greet_pause): expected milliseconds, found ${ms}`);
  },
  ldap_routing: "LDAP is not asked; use virtusertable or mailertable",
  limited_masquerade: on("rewrite.limitedMasquerade"),
  local_lmtp: undefined,
  local_no_masquerade: on("rewrite.localNoMasquerade"),
  local_procmail: undefined,
  lookupdotdomain: on("policy.lookupDotDomain"),
  loose_relay_check: "user%host@us is never relayed on",
  mailertable: undefined,
  masquerade_entire_domain: on("rewrite.masqueradeEntireDomain"),
  masquerade_envelope: on("rewrite.masqueradeEnvelope"),
  msp: "this is the configuration of the submission program (submit.cf); mailhost's sendmail command needs none",
  mtamark: "MTAMARK records are not looked up",
  no_default_msa: undefined,
  nocanonify: undefined,
  nopercenthack: undefined,
  notsticky: undefined,
  nouucp: undefined,
  nullclient: ({ value: [hub = ""], origin }, draft) => {
    if (hub === "") draft.fault(origin, "FEATURE(nullclient): name the hub");
    else draft.set("routing.nullClient", hub, origin);
  },
  prefixmod: "nothing is prepended to subjects",
  preserve_local_plus_detail: on("local.preservePlusDetail"),
  preserve_luser_host: "LUSER_RELAY gets user@host only as its own notation says",
  promiscuous_relay: ({ origin }, draft) => {
    draft.set("policy.promiscuousRelay", true, origin);
    draft.note(
      origin,
      "FEATURE(promiscuous_relay): EVERYBODY may relay through this host; spammers find it within hours",
    );
  },
  queuegroup: "there is one queue, without groups",
  ratecontrol: on("policy.rateControl"),
  redirect: on("routing.redirect"),
  relay_based_on_MX: on("policy.relayBasedOnMx"),
  relay_entire_domain: on("policy.relayEntireDomain"),
  relay_hosts_only: on("policy.relayHostsOnly"),
  relay_local_from: ({ origin }, draft) => {
    draft.set("policy.relayLocalFrom", true, origin);
    draft.note(
      origin,
      "FEATURE(relay_local_from): whoever writes one of our addresses as sender may relay; use AUTH instead",
    );
  },
  relay_mail_from: ({ value: [how = ""], origin }, draft) => {
    draft.set("policy.relayMailFrom", how === "domain" ? "domain" : "address", origin);
    draft.note(origin, "FEATURE(relay_mail_from): a sender is easily forged; use AUTH instead");
  },
  require_rdns: on("policy.requireReverseName"),
  rhsbl: "block lists of sender domains are not asked",
  smrsh: undefined,
  stickyhost: undefined,
  sts: "MTA-STS policies are not looked up",
  tls_failures: "TLS failures are tried again without TLS only as relay.startTls says",
  tls_session_features: "TLS_Srv_features and TLS_Clt_features entries of access are not looked up",
  use_client_ptr: "the client's name counts only when DNS confirms it",
  use_ct_file: undefined,
  use_cw_file: undefined,
  uucpdomain: UUCP,
  virtuser_entire_domain: on("domains.virtualEntire"),
  virtusertable: undefined,
  vnet: ALWAYS,
};

/** `zone, message, t …`: the message is a rule's text, quotes and `$&{client_addr}` and all, or `quarantine` or `discard`. */
function blockList({ value, origin }: Given<readonly string[]>, draft: Draft): void {
  const [zone = "", message = "", unanswered = ""] = value.map((arg) => arg.trim());
  if (zone === "") {
    draft.fault(origin, "FEATURE(dnsbl): name the zone");
    return;
  }
  if (value.length > 3) draft.note(origin, `FEATURE(enhdnsbl, ${zone}): every answer of the list counts`);
  const item = `${zone}${unanswered === "" ? "" : ";t"} ${plainMessage(message)}`;
  draft.set("policy.dnsbl", [...(draft.get("policy.dnsbl") as readonly string[]), item.trim()], origin);
}

/** A message without its quotes: `"550 Mail from " $&{client_addr} " refused"` is one text. */
function plainMessage(message: string): string {
  const parts = message.match(/"[^"]*"|\S+/g) ?? [];
  return parts.some((part) => part.startsWith('"'))
    ? parts.map((part) => part.replaceAll('"', "")).join("")
    : message;
}
