/**
 * The part of the settings that is Sendmail's: what its FEATUREs, defines and options say in a `config.mc` or `sendmail.cf`.
 * Each member names the macro or option it stands for. Durations are milliseconds, sizes octets.
 */

/** What access checks do (check_relay, check_mail, check_rcpt). */
export interface PolicySettings {
  /** FEATURE(blocklist_recipients): access entries bar recipients. */
  readonly blocklistRecipients: boolean;
  /** FEATURE(delay_checks): client and sender are judged at RCPT; `friend` and `hater` look for `Spam:` entries. */
  readonly delayChecks: "off" | "on" | "friend" | "hater";
  /** FEATURE(lookupdotdomain): `.domain` is looked up after `domain`. */
  readonly lookupDotDomain: boolean;
  /** FEATURE(relay_entire_domain): hosts of the local domains (class m) may relay. */
  readonly relayEntireDomain: boolean;
  /** FEATURE(relay_hosts_only): relay-domains and access name hosts, not their sub-domains. */
  readonly relayHostsOnly: boolean;
  /** FEATURE(relay_mail_from): senders with a `From:` RELAY entry relay; `domain` looks at the domain too. */
  readonly relayMailFrom: "off" | "address" | "domain";
  /** FEATURE(relay_local_from): senders of a local domain relay. */
  readonly relayLocalFrom: boolean;
  /** FEATURE(relay_based_on_MX): domains whose MX we are may be relayed to. */
  readonly relayBasedOnMx: boolean;
  /** FEATURE(relaytofulladdress): `To:user@domain` RELAY entries count. */
  readonly relayToFullAddress: boolean;
  /** Sendmail's replies to clients without a trustworthy name, which it always gives: `IP name lookup failed` and the like. */
  readonly relayNameErrors: boolean;
  /** FEATURE(promiscuous_relay): anybody relays anywhere. */
  readonly promiscuousRelay: boolean;
  /** FEATURE(accept_unresolvable_domains): senders whose domain DNS does not know are accepted. */
  readonly acceptUnresolvableDomains: boolean;
  /** FEATURE(accept_unqualified_senders): senders without a domain are accepted from any client. */
  readonly acceptUnqualifiedSenders: boolean;
  /** confREJECT_MSG: the text of REJECT; absent: `550 5.7.1 Access denied`. */
  readonly rejectMessage?: string;
  /** FEATURE(require_rdns). */
  readonly requireReverseName: boolean;
  /** FEATURE(block_bad_helo). */
  readonly blockBadHelo: boolean;
  /** FEATURE(dnsbl, zone, message, t), one item a list, in the form of mta's policy/dnsbl.ts: `zone[;t] [message]`. */
  readonly dnsbl: readonly string[];
  /** FEATURE(greet_pause, ms). */
  readonly greetPause: number;
  /** FEATURE(ratecontrol): `ClientRate:` entries of access count connections a minute. */
  readonly rateControl: boolean;
  /** FEATURE(conncontrol): `ClientConn:` entries of access count connections at once. */
  readonly connectionControl: boolean;
  /** ConnectionRateThrottle: connections taken a second from everybody together; 0: any number. */
  readonly connectionRateThrottle: number;
  /** BadRcptThrottle: bad recipients in one transaction after which each reply takes a second; 0: never. */
  readonly badRecipientThrottle: number;
}

/** Where tables are; relative to the site root. Empty: the table is not used. */
export interface TableSettings {
  readonly access: string;
  /** ALIAS_FILE: several, the first that knows a name counts. */
  readonly aliases: readonly string[];
  readonly localHostNames: string;
  readonly relayDomains: string;
  readonly trustedUsers: string;
  readonly virtusertable: string;
  readonly mailertable: string;
  readonly domaintable: string;
  readonly genericstable: string;
  readonly genericsDomains: string;
  readonly authinfo: string;
  /** Which addresses an account may send under beside its own. */
  readonly senders: string;
}

/** Names that a configuration gives itself, besides those in files. */
export interface DomainSettings {
  /** Class w (`Cw`): further names of this host. */
  readonly local: readonly string[];
  /** Class R (RELAY_DOMAIN). */
  readonly relay: readonly string[];
  /** Class {VirtHost} (VIRTUSER_DOMAIN): domains that virtusertable serves besides class w. */
  readonly virtual: readonly string[];
  /** FEATURE(virtuser_entire_domain): their sub-domains too. */
  readonly virtualEntire: boolean;
  /** Class G (GENERICS_DOMAIN): domains whose senders genericstable rewrites, besides those of generics-domains. */
  readonly generics: readonly string[];
  /** FEATURE(generics_entire_domain). */
  readonly genericsEntire: boolean;
  /** Class t (Ct): users who may set the sender without a warning, besides trusted-users. */
  readonly trustedUsers: readonly string[];
}

/** How addresses are rewritten on their way out. */
export interface RewriteSettings {
  /** MASQUERADE_AS; absent: no masquerading. */
  readonly masqueradeAs?: string;
  /** FEATURE(masquerade_envelope): the envelope sender too. */
  readonly masqueradeEnvelope: boolean;
  /** FEATURE(masquerade_entire_domain): sub-domains of the masqueraded domains too. */
  readonly masqueradeEntireDomain: boolean;
  /** FEATURE(allmasquerade): recipients in headers too. */
  readonly allMasquerade: boolean;
  /** FEATURE(limited_masquerade): only class M, not class w. */
  readonly limitedMasquerade: boolean;
  /** FEATURE(local_no_masquerade): not in mail that stays here. */
  readonly localNoMasquerade: boolean;
  /** Class M (MASQUERADE_DOMAIN). */
  readonly masqueradeDomains: readonly string[];
  /** Class N (MASQUERADE_EXCEPTION). */
  readonly masqueradeExceptions: readonly string[];
  /** Class E (EXPOSED_USER): local parts that are left alone. */
  readonly exposedUsers: readonly string[];
  /** FEATURE(always_add_domain[, domain]). */
  readonly alwaysAddDomain: boolean;
  /** The domain that is added; absent: masqueradeAs, else the host's name. */
  readonly addedDomain?: string;
  /** Which messages get our domain into header addresses without one on their way out; Sendmail does it to all. */
  readonly qualifyHeaders: "submitted" | "all" | "never";
}

/** Where mail goes when tables and DNS are not asked, or know nothing. */
export interface RoutingSettings {
  /** LUSER_RELAY: takes local names that nobody has; `local:user`, `host`, `mailer:host`, `error:5.1.1:550 text`. */
  readonly luserRelay?: string;
  /** MAIL_HUB: takes all local mail but that of class L. */
  readonly mailHub?: string;
  /** LOCAL_RELAY: takes mail for names without a domain. */
  readonly localRelay?: string;
  /** LOCAL_USER (class L): names that are delivered here whatever mailHub and localRelay say. */
  readonly localUsers: readonly string[];
  /** FEATURE(nullclient, hub): everything, local names too, goes there under its name. */
  readonly nullClient?: string;
  /** confFALLBACK_MX, confFALLBACK_SMARTHOST. */
  readonly fallbackMx?: string;
  /** FEATURE(redirect): `user.REDIRECT` tells the new address. */
  readonly redirect: boolean;
}

/** Delivery on this host. */
export interface LocalSettings {
  /** Who writes the mailbox: we, FEATURE(local_procmail), or FEATURE(local_lmtp). */
  readonly mailer: "mbox" | "procmail" | "lmtp";
  /** PROCMAIL_MAILER_PATH and arguments, as Sendmail writes them with `$a`, `$h`, `$d`, `$u`, `$f`. */
  readonly procmailCommand: string;
  /** FEATURE(local_lmtp): a program that speaks LMTP on its standard input and output, or `host:port`. */
  readonly lmtpCommand: string;
  /** FEATURE(smrsh): the only folder that programs are taken from; empty: any command, by `/bin/sh -c`. */
  readonly programDirectory: string;
  /** How long a program may take. */
  readonly programTimeout: number;
  /** DefaultUser: who runs programs and writes files that an alias names, when we are root. `user` or `user:group`. */
  readonly defaultUser: string;
  /** ForwardPath, with `$z` (home), `$u` (user), `$h` (detail), `$w` (host). Empty: no `.forward` files. */
  readonly forwardPath: readonly string[];
  /** MaxAliasRecursion. */
  readonly maxAliasRecursion: number;
  /** CheckAliases: taken for Sendmail's sake; newaliases checks right-hand sides in any case. */
  readonly checkAliases: boolean;
  /** FEATURE(preserve_local_plus_detail). */
  readonly preservePlusDetail: boolean;
}

/** Timeout.*: how long the other side of an outgoing session may take (RFC 5321 section 4.5.3.2). */
export interface TimeoutSettings {
  readonly helo: number;
  readonly mail: number;
  readonly rcpt: number;
  readonly dataInit: number;
  readonly dataBlock: number;
  readonly dataFinal: number;
  readonly rset: number;
  readonly quit: number;
  readonly auth: number;
  readonly startTls: number;
  /** Timeout.hoststatus: how long what is known of a host counts. */
  readonly hostStatus: number;
}
