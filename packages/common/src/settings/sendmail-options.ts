/**
 * The rows of the table of options that are Sendmail's FEATUREs, defines and options (see sendmail-settings.ts).
 */
import type { Option } from "./option.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const fixed = (value: unknown) => () => value;

const flag = (path: string, on: boolean, doc: string): Option => ({
  path,
  kind: "boolean",
  default: fixed(on),
  doc,
});
const text = (path: string, doc: string, given?: string): Option => ({
  path,
  kind: "string",
  default: fixed(given),
  doc,
});
const list = (path: string, doc: string, given: readonly string[] = []): Option => ({
  path,
  kind: "strings",
  default: fixed(given),
  doc,
});
const path = (name: string, given: string, doc: string): Option => ({
  path: name,
  kind: "path",
  default: fixed(given),
  doc,
});
const choice = (name: string, choices: readonly string[], doc: string): Option => ({
  path: name,
  kind: "choice",
  choices,
  default: fixed(choices[0]),
  doc,
});
const time = (name: string, given: number, doc: string): Option => ({
  path: name,
  kind: "duration",
  default: fixed(given),
  min: 0,
  doc,
});
const count = (name: string, given: number, doc: string): Option => ({
  path: name,
  kind: "integer",
  default: fixed(given),
  min: 0,
  doc,
});

const POLICY: readonly Option[] = [
  flag(
    "policy.blocklistRecipients",
    true,
    "Entries of access bar recipients too (FEATURE blocklist_recipients).",
  ),
  choice(
    "policy.delayChecks",
    ["off", "on", "friend", "hater"],
    "Judge client and sender at RCPT (FEATURE delay_checks); friend and hater look for Spam: entries of the recipient.",
  ),
  flag("policy.lookupDotDomain", false, "Look for .domain after domain (FEATURE lookupdotdomain)."),
  flag(
    "policy.relayEntireDomain",
    false,
    "Hosts of our own domains may relay (FEATURE relay_entire_domain).",
  ),
  flag(
    "policy.relayHostsOnly",
    false,
    "relay-domains and access name hosts, not their sub-domains (FEATURE relay_hosts_only).",
  ),
  choice(
    "policy.relayMailFrom",
    ["off", "address", "domain"],
    "Senders with a From: RELAY entry relay (FEATURE relay_mail_from); a sender is easily forged.",
  ),
  flag(
    "policy.relayLocalFrom",
    false,
    "Senders of our own domains relay (FEATURE relay_local_from); a sender is easily forged.",
  ),
  flag(
    "policy.relayBasedOnMx",
    false,
    "Take mail for domains whose MX is this host (FEATURE relay_based_on_MX).",
  ),
  flag(
    "policy.relayToFullAddress",
    false,
    "To:user@domain RELAY entries count (FEATURE relaytofulladdress).",
  ),
  flag(
    "policy.relayNameErrors",
    false,
    "Tell a client that may not relay what is wrong with its name, and refuse for now when DNS does not answer, as Sendmail does; false: always 550 Relaying denied.",
  ),
  flag(
    "policy.promiscuousRelay",
    false,
    "Relay for everybody (FEATURE promiscuous_relay). Never on a host that the Internet can reach.",
  ),
  flag(
    "policy.acceptUnresolvableDomains",
    true,
    "Take senders whose domain DNS does not know (FEATURE accept_unresolvable_domains).",
  ),
  flag(
    "policy.acceptUnqualifiedSenders",
    false,
    "Take senders without a domain from any client (FEATURE accept_unqualified_senders).",
  ),
  text("policy.rejectMessage", "The reply that REJECT gives to clients and senders (confREJECT_MSG)."),
  flag(
    "policy.requireReverseName",
    false,
    "Refuse clients whose address has no name in DNS (FEATURE require_rdns).",
  ),
  flag(
    "policy.blockBadHelo",
    false,
    "Refuse clients that greet with our name or a bare address (FEATURE block_bad_helo).",
  ),
  list(
    "policy.dnsbl",
    "DNS block lists: the zone, then perhaps a blank and the refusal's text, quarantine or discard (FEATURE dnsbl); zone;t refuses for now when the zone does not answer.",
  ),
  time(
    "policy.greetPause",
    0,
    "Wait before the greeting; who talks first is refused (FEATURE greet_pause). GreetPause: entries of access differ by client.",
  ),
  flag(
    "policy.rateControl",
    false,
    "ClientRate: entries of access limit connections a minute (FEATURE ratecontrol).",
  ),
  flag(
    "policy.connectionControl",
    false,
    "ClientConn: entries of access limit connections at once (FEATURE conncontrol).",
  ),
  count(
    "policy.connectionRateThrottle",
    0,
    "Connections taken a second, from all clients together; 0: any number (ConnectionRateThrottle).",
  ),
  count(
    "policy.badRecipientThrottle",
    0,
    "Unknown recipients in one transaction after which each reply waits a second; 0: never (BadRcptThrottle).",
  ),
];

const TABLES: readonly Option[] = [
  path("tables.access", "etc/mail/access", "Who may connect, send and relay; false: not used."),
  list("tables.aliases", "Alias files; the first that knows a name counts (ALIAS_FILE).", [
    "etc/mail/aliases",
  ]),
  path(
    "tables.localHostNames",
    "etc/mail/local-host-names",
    "Names whose mail is delivered here (FEATURE use_cw_file).",
  ),
  path("tables.relayDomains", "etc/mail/relay-domains", "Domains and networks that relay."),
  path(
    "tables.trustedUsers",
    "etc/mail/trusted-users",
    "Users who may name another sender (FEATURE use_ct_file).",
  ),
  path("tables.virtusertable", "etc/mail/virtusertable", "Addresses at our domains, each to a mailbox."),
  path("tables.mailertable", "etc/mail/mailertable", "Hosts by domain, in DNS's place."),
  path("tables.domaintable", "etc/mail/domaintable", "Old names of domains."),
  path("tables.genericstable", "etc/mail/genericstable", "Local senders, each with its public address."),
  path(
    "tables.genericsDomains",
    "etc/mail/generics-domains",
    "Domains whose senders genericstable rewrites.",
  ),
  path(
    "tables.senders",
    "etc/mail/senders",
    "Addresses that an account may send under beside its own: ACCOUNT ADDRESS.",
  ),
  path("tables.authinfo", "etc/mail/authinfo", "Names and passwords for other hosts (FEATURE authinfo)."),
];

const DOMAINS: readonly Option[] = [
  list("domains.local", "Further names whose mail is delivered here (class w)."),
  list("domains.relay", "Further domains and networks that relay (RELAY_DOMAIN)."),
  list("domains.virtual", "Further domains of virtusertable (VIRTUSER_DOMAIN)."),
  flag("domains.virtualEntire", false, "Their sub-domains too (FEATURE virtuser_entire_domain)."),
  list("domains.generics", "Further domains whose senders genericstable rewrites (GENERICS_DOMAIN)."),
  flag("domains.genericsEntire", false, "Their sub-domains too (FEATURE generics_entire_domain)."),
  list("domains.trustedUsers", "Further users who may name another sender (class t).", [
    "root",
    "daemon",
    "mail",
  ]),
];

const REWRITE: readonly Option[] = [
  text("rewrite.masqueradeAs", "The domain that our senders are shown under (MASQUERADE_AS)."),
  flag(
    "rewrite.masqueradeEnvelope",
    false,
    "The envelope's sender too, not only the header's (FEATURE masquerade_envelope).",
  ),
  flag(
    "rewrite.masqueradeEntireDomain",
    false,
    "Sub-domains of masqueraded domains too (FEATURE masquerade_entire_domain).",
  ),
  flag("rewrite.allMasquerade", false, "Recipients in headers too (FEATURE allmasquerade)."),
  flag(
    "rewrite.limitedMasquerade",
    false,
    "Only rewrite.masqueradeDomains, not all our domains (FEATURE limited_masquerade).",
  ),
  flag(
    "rewrite.localNoMasquerade",
    false,
    "Mail that stays here is left alone (FEATURE local_no_masquerade).",
  ),
  list("rewrite.masqueradeDomains", "Further domains that are masqueraded (MASQUERADE_DOMAIN)."),
  list("rewrite.masqueradeExceptions", "Domains that are not (MASQUERADE_EXCEPTION)."),
  list("rewrite.exposedUsers", "Local parts that keep the host's name (EXPOSED_USER).", ["root"]),
  flag(
    "rewrite.alwaysAddDomain",
    false,
    "Complete addresses without a domain in mail that stays here too (FEATURE always_add_domain).",
  ),
  text("rewrite.addedDomain", "With that domain; else masqueradeAs or the host's name."),
  choice(
    "rewrite.qualifyHeaders",
    ["submitted", "all", "never"],
    "Which messages that leave get our name into header addresses that have no domain: those of the sendmail command, or all, as Sendmail does.",
  ),
];

const ROUTING: readonly Option[] = [
  text(
    "routing.luserRelay",
    "Takes local names that nobody has: host, mailer:host, local:user or error:… (LUSER_RELAY).",
  ),
  text("routing.mailHub", "Takes all local mail (MAIL_HUB)."),
  text("routing.localRelay", "Takes mail for names without a domain (LOCAL_RELAY)."),
  list("routing.localUsers", "Names delivered here whatever mailHub and localRelay say (LOCAL_USER)."),
  text("routing.nullClient", "Takes everything, and our senders get its name (FEATURE nullclient)."),
  text("routing.fallbackMx", "Takes what no other host takes (confFALLBACK_MX)."),
  flag("routing.redirect", true, "user.REDIRECT tells the new address (FEATURE redirect)."),
];

const LOCAL: readonly Option[] = [
  choice(
    "local.mailer",
    ["mbox", "procmail", "lmtp"],
    "Who writes the mailbox: mailhost, procmail (FEATURE local_procmail), or an LMTP server (FEATURE local_lmtp).",
  ),
  text(
    "local.procmailCommand",
    "How procmail is called (PROCMAIL_MAILER_PATH, PROCMAIL_MAILER_ARGS).",
    "/usr/bin/procmail -t -Y -a $h -d $u",
  ),
  text(
    "local.lmtpCommand",
    "The LMTP server: a program, or host:port.",
    "/usr/libexec/sendmail/mail.local -l",
  ),
  path(
    "local.programDirectory",
    "etc/mail/smrsh",
    "The only folder that |programs are taken from (FEATURE smrsh); false: any command, by /bin/sh.",
  ),
  time("local.programTimeout", 10 * MINUTE, "How long a |program may take."),
  text(
    "local.defaultUser",
    "Who runs the |programs and writes the /files of aliases, when mailhost runs as root (DefaultUser).",
    "daemon",
  ),
  list("local.forwardPath", "Where a user's own aliases are; []: nowhere (ForwardPath).", [
    "$z/.forward.$w+$h",
    "$z/.forward+$h",
    "$z/.forward.$w",
    "$z/.forward",
  ]),
  count("local.maxAliasRecursion", 10, "Depth of aliases (MaxAliasRecursion)."),
  flag(
    "local.checkAliases",
    false,
    "Taken for Sendmail's sake: newaliases checks right-hand sides in any case (CheckAliases).",
  ),
  flag(
    "local.preservePlusDetail",
    false,
    "user+detail is a name of its own (FEATURE preserve_local_plus_detail).",
  ),
];

const TIMEOUTS: readonly Option[] = [
  time("timeouts.helo", 5 * MINUTE, "For the answer to EHLO (Timeout.helo)."),
  time("timeouts.mail", 5 * MINUTE, "For the answer to MAIL (Timeout.mail)."),
  time("timeouts.rcpt", 5 * MINUTE, "For the answer to RCPT (Timeout.rcpt)."),
  time("timeouts.dataInit", 2 * MINUTE, "For the 354 (Timeout.datainit)."),
  time("timeouts.dataBlock", 3 * MINUTE, "For each block of a message (Timeout.datablock)."),
  time("timeouts.dataFinal", 10 * MINUTE, "For the answer to a whole message (Timeout.datafinal)."),
  time("timeouts.rset", 5 * MINUTE, "For the answer to RSET (Timeout.rset)."),
  time("timeouts.quit", 2 * MINUTE, "For the answer to QUIT (Timeout.quit)."),
  time("timeouts.auth", 10 * MINUTE, "For the answers to AUTH (Timeout.auth)."),
  time("timeouts.startTls", HOUR, "For the answer to STARTTLS (Timeout.starttls)."),
  time("timeouts.hostStatus", 30 * MINUTE, "How long a host's failure is remembered (Timeout.hoststatus)."),
];

const DAEMON: readonly Option[] = [
  list(
    "smtp.privacy",
    "Sendmail's PrivacyOptions: authwarnings, novrfy, noexpn, noetrn, needmailhelo, restrictmailq, restrictqrun, goaway and the rest.",
    ["authwarnings", "novrfy", "noexpn"],
  ),
  text(
    "smtp.greeting",
    "The greeting after the 220, with $j (host name), $v (version), $b (date) (confSMTP_LOGIN_MSG).",
  ),
  count("smtp.delayLoad", 0, "Load average at which each connection waits a second; 0: never (DelayLA)."),
  count("smtp.refuseLoad", 0, "Load average at which connections are refused; 0: never (RefuseLA)."),
  count("queue.queueLoad", 0, "Load average at which mail is only queued; 0: never (QueueLA)."),
  {
    path: "queue.minFreeSpace",
    kind: "size",
    default: fixed(1024 ** 2),
    min: 0,
    doc: "Space that must stay free below the queue; else 452 4.4.5 (MinFreeBlocks).",
  },
  time("queue.minAge", 0, "A message is not tried again before (MinQueueAge)."),
  text(
    "queue.doubleBounceAddress",
    "Who gets reports that cannot be returned (DoubleBounceAddress).",
    "postmaster",
  ),
  count("queue.maxRunners", 1000, "Deliveries to other hosts at once (MaxQueueChildren)."),
  choice(
    "queue.deliveryMode",
    ["background", "queue-only", "deferred", "interactive"],
    "queue-only and deferred leave mail to the queue's own times (DeliveryMode).",
  ),
  path("log.statistics", "var/lib/mailhost/statistics", "Counters for mailstats (STATUS_FILE); false: none."),
];

/** Sendmail's rows. */
export const SENDMAIL_OPTIONS: readonly Option[] = [
  ...DAEMON,
  ...POLICY,
  ...TABLES,
  ...DOMAINS,
  ...REWRITE,
  ...ROUTING,
  ...LOCAL,
  ...TIMEOUTS,
];
