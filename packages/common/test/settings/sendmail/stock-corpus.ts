/**
 * Many `config.mc` files over Sendmail's own m4 files, and what those make of them. The m4 files are read where Debian's
 * sendmail-cf installs them; without them the corpus is empty.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Where Debian, RedHat and the BSDs install the m4 files. */
const FOLDERS = ["/usr/share/sendmail/cf", "/usr/share/sendmail-cf", "/usr/lib/sendmail-cf"];

/** The folder of the m4 files; undefined: not installed. */
export const CF_FOLDER = FOLDERS.find((folder) => existsSync(`${folder}/m4/cf.m4`));

/** A configuration by name. */
export interface StockConfig {
  readonly name: string;
  readonly mc: string;
}

/** Runs m4 over a `config.mc` with Sendmail's files; the `sendmail.cf` that Sendmail would read. */
export function runStockM4(mc: string): string {
  if (CF_FOLDER === undefined) throw new Error("Sendmail's m4 files are not installed (sendmail-cf)");
  const head = `include(\`${CF_FOLDER}/m4/cf.m4')dnl\n`;
  // The comment with user, host and time that makeinfo.sh would print is left out.
  const input = `define(\`_NO_MAKEINFO_',\`1')dnl\n${head}${mc}`;
  return execFileSync("m4", [`-D_CF_DIR_=${CF_FOLDER}/`, "-"], {
    input,
    encoding: "utf8",
    stdio: ["pipe", "pipe", "ignore"],
    maxBuffer: 16 * 1024 * 1024,
  });
}

const call = (name: string, ...args: readonly string[]) =>
  `FEATURE(${[name, ...args].map((arg) => `\`${arg}'`).join(", ")})\n`;
const ACCESS = call("access_db", "hash -T<TMPF> -o /etc/mail/access");

/** What comes before the mailers, one idea each. */
const PARTS = {
  plain: "",
  access: ACCESS,
  accessSkip: call("access_db", "", "skip"),
  accessFull: call("access_db", "", "relaytofulladdress"),
  accessDot: call("access_db", "", "lookupdotdomain", "skip"),
  blocklist: ACCESS + call("blocklist_recipients"),
  blacklist: ACCESS + call("blacklist_recipients"),
  rejectMessage: `define(\`confREJECT_MSG', \`"550 Not from you"')\n${ACCESS}`,
  relayMessage: `define(\`confRELAY_MSG', \`"550 Not here"')\n${ACCESS}`,
  delayed: ACCESS + call("delay_checks"),
  friend: ACCESS + call("blocklist_recipients") + call("delay_checks", "friend"),
  hater: ACCESS + call("delay_checks", "hater"),
  friendNew: ACCESS + call("blocklist_recipients") + call("delay_checks", "friend", "n"),
  haterNew: ACCESS + call("delay_checks", "hater", "n"),
  plainDelayed: call("delay_checks"),
  dnsbl: call("dnsbl", "zen.example.org"),
  dnsblText:
    ACCESS +
    call("dnsbl", "a.example.org", '"550 Mail from " $&{client_addr} " refused; see " a.example.org'),
  dnsblMore:
    ACCESS + call("dnsbl", "b.example.org", "quarantine") + call("dnsbl", "c.example.org", "discard", "t"),
  enhdnsbl: ACCESS + call("enhdnsbl", "d.example.org", "", "t", "127.0.0.2.", "127.0.0.3."),
  greetPause: ACCESS + call("greet_pause", "5000"),
  greetPauseTable: ACCESS + call("greet_pause"),
  greetPausePlain: call("greet_pause", "300"),
  ratecontrol: ACCESS + call("ratecontrol") + call("conncontrol"),
  ratecontrolNow:
    ACCESS +
    call("delay_checks") +
    call("ratecontrol", "nodelay", "terminate") +
    call("conncontrol", "nodelay", "terminate"),
  friendNow:
    ACCESS +
    call("blocklist_recipients") +
    call("delay_checks", "friend", "n") +
    call("conncontrol", "nodelay", "terminate") +
    call("ratecontrol", "nodelay"),
  haterNow:
    ACCESS + call("delay_checks", "hater") + call("ratecontrol", "nodelay") + call("conncontrol", "nodelay"),
  rdns: ACCESS + call("require_rdns") + call("block_bad_helo"),
  rdnsDelayed: ACCESS + call("delay_checks") + call("require_rdns") + call("block_bad_helo"),
  relayDomain: call("relay_entire_domain"),
  relayDomainAccess: ACCESS + call("relay_entire_domain") + call("relay_hosts_only"),
  relayHosts: call("relay_hosts_only"),
  relayFrom: ACCESS + call("relay_mail_from"),
  relayFromDomain: ACCESS + call("relay_mail_from", "domain"),
  relayLocal: call("relay_local_from"),
  relayMx: ACCESS + call("relay_based_on_MX"),
  relayMxDelayed: ACCESS + call("delay_checks") + call("relay_based_on_MX") + call("relay_hosts_only"),
  promiscuous: ACCESS + call("promiscuous_relay"),
  promiscuousDelayed: call("delay_checks") + call("promiscuous_relay"),
  looseRelay: ACCESS + call("loose_relay_check"),
  unresolvable: ACCESS + call("accept_unresolvable_domains") + call("accept_unqualified_senders"),
  unqualified: call("accept_unqualified_senders"),
  virtual: `${call("virtusertable", "hash -o /etc/mail/virtusertable")}VIRTUSER_DOMAIN(\`virtual.example')\n`,
  virtualEntire: `${call("virtusertable")}${call("virtuser_entire_domain")}VIRTUSER_DOMAIN(\`virtual.example')\n`,
  mailertable: call("mailertable") + call("domaintable") + ACCESS,
  bitdomain: call("bitdomain") + call("uucpdomain"),
  generics: `${call("genericstable")}GENERICS_DOMAIN(\`inside.example')\n`,
  genericsEntire: `${call("genericstable")}${call("generics_entire_domain")}GENERICS_DOMAIN(\`inside.example')\nMASQUERADE_AS(\`out.example')\n`,
  masquerade:
    "MASQUERADE_AS(`out.example')\nMASQUERADE_DOMAIN(`inside.example')\nMASQUERADE_EXCEPTION(`not.example')\n",
  masqueradeAll: `MASQUERADE_AS(\`out.example')\n${call("allmasquerade")}${call("masquerade_envelope")}${call("masquerade_entire_domain")}EXPOSED_USER(\`root')\n`,
  masqueradeLimited: `MASQUERADE_AS(\`out.example')\n${call("limited_masquerade")}${call("local_no_masquerade")}`,
  masqueradeLimitedEntire: `MASQUERADE_AS(\`out.example')\n${call("limited_masquerade")}${call("masquerade_entire_domain")}${call("genericstable")}`,
  addDomain: call("always_add_domain"),
  addDomainNamed: call("always_add_domain", "added.example"),
  smartHost: "define(`SMART_HOST', `[relay.example.net]')\n",
  smartHostTable: `define(\`SMART_HOST', \`esmtp:[relay.example.net]')\n${call("mailertable")}${call("authinfo")}${ACCESS}`,
  luser: "define(`LUSER_RELAY', `local:postmaster')\n",
  luserHost: `define(\`LUSER_RELAY', \`relay.example.net')\n${call("preserve_luser_host")}`,
  hub: "define(`MAIL_HUB', `hub.example.net')\nLOCAL_USER(`root')\n",
  localRelay: `define(\`LOCAL_RELAY', \`lr.example.net')\n${call("stickyhost")}`,
  hubSticky: `define(\`MAIL_HUB', \`hub.example.net')\ndefine(\`LOCAL_RELAY', \`lr.example.net')\n${call("stickyhost")}`,
  redirect: call("redirect"),
  files: call("use_cw_file") + call("use_ct_file"),
  plusDetail: call("preserve_local_plus_detail"),
  nocanonify: `${call("nocanonify")}CANONIFY_DOMAIN(\`a.example')\n`,
  nocanonifyHosts: call("nocanonify", "canonify_hosts"),
  nouucp: `${call("nouucp", "reject")}${call("nopercenthack")}`,
  nouucpNot: call("nouucp", "nospecial"),
  percentReject: call("nopercenthack", "reject") + ACCESS,
  bestmx: call("bestmx_is_local"),
  bestmxIn: call("bestmx_is_local", "example.com"),
  badmx: ACCESS + call("badmx"),
  compat: ACCESS + call("compat_check"),
  compatDelayed: ACCESS + call("delay_checks") + call("compat_check"),
  drac: call("drac"),
  dracAccess: ACCESS + call("drac") + call("delay_checks"),
  ldap: "define(`confLDAP_DEFAULT_SPEC', `-h localhost')\nFEATURE(`ldap_routing')\nLDAPROUTE_DOMAIN(`ldap.example')\n",
  ldapMore:
    "FEATURE(`ldap_routing', `null', `ldap -1 -k a', `bounce', `preserve', `nodomain')\nLDAPROUTE_DOMAIN(`l.example')\nLDAPROUTE_EQUIVALENT(`m.example')\n",
  tls: `${ACCESS}${call("tls_session_features")}${call("check_cert_altnames")}${call("tls_failures")}`,
  sts: call("sts"),
  otherChecks: call("check_other"),
  queuegroup: ACCESS + call("queuegroup"),
  mtamark: call("mtamark", '"550 no"', '"451 later"'),
  rhsbl: call("rhsbl", "r.example.org"),
  clientPtr: ACCESS + call("use_client_ptr"),
  auth: "TRUST_AUTH_MECH(`LOGIN PLAIN')\ndefine(`confAUTH_MECHANISMS', `LOGIN PLAIN')\n",
  authAccess: `${ACCESS}TRUST_AUTH_MECH(\`LOGIN')\ndefine(\`confAUTH_OPTIONS', \`A p y')\n`,
  lmtp: call("local_lmtp"),
  procmail: call("local_procmail"),
  smrsh: call("smrsh"),
  certs: `define(\`_CERT_REGEX_ISSUER_', \`x')\ndefine(\`_CERT_REGEX_SUBJECT_', \`x')\n${ACCESS}`,
  userdb: "define(`confUSERDB_SPEC', `/etc/mail/userdb')\n",
  relays:
    "define(`UUCP_RELAY', `u.example')\ndefine(`BITNET_RELAY', `b.example')\ndefine(`DECNET_RELAY', `d.example')\ndefine(`FAX_RELAY', `f.example')\n",
  domainmap: call("domainmap", "hash /etc/mail/domainmap"),
  bcc: call("bcc"),
  generic: "DOMAIN(`generic')\n",
} satisfies Readonly<Record<string, string>>;

const TAIL = "MAILER(`local')\nMAILER(`smtp')\n";

/** Every configuration: each part alone, some together, other mailers, the submission program, null clients. */
export function stockConfigs(): StockConfig[] {
  const of = (name: string, head: string, tail = TAIL, system = "linux"): StockConfig => ({
    name,
    mc: `OSTYPE(\`${system}')\n${head}${tail}`,
  });
  const parts = Object.entries(PARTS).map(([name, head]) => of(name, head));
  const company =
    "DOMAIN(`generic')\n" +
    PARTS.friend +
    PARTS.virtual +
    call("mailertable") +
    call("genericstable") +
    PARTS.addDomain +
    PARTS.smrsh +
    PARTS.drac +
    PARTS.dnsbl +
    PARTS.greetPause.slice(ACCESS.length) +
    PARTS.masqueradeAll +
    PARTS.relayDomain +
    PARTS.authAccess.slice(ACCESS.length) +
    PARTS.smartHost;
  const together = [
    of("company", company),
    of("companyHub", `${company}${PARTS.hub}${PARTS.luser}`),
    of("companyNoCanon", `${company}${PARTS.nocanonify}${call("bestmx_is_local")}`),
    of("virtualHub", `${PARTS.virtualEntire}${PARTS.hubSticky}${PARTS.mailertable}${PARTS.ldap}`),
    of(
      "mailers",
      company,
      `${TAIL}MAILER(\`procmail')\nMAILER(\`uucp')\nMAILER(\`fax')\nMAILER(\`usenet')\nMAILER(\`pop')\n`,
    ),
    of(
      "mailers2",
      "",
      "MAILER(`local')\nMAILER(`smtp')\nMAILER(`cyrus')\nMAILER(`cyrusv2')\nMAILER(`mail11')\nMAILER(`phquery')\nMAILER(`qpage')\n",
    ),
    of("uucpFirst", PARTS.access, "MAILER(`uucp')\nMAILER(`smtp')\n"),
    of("uucpLast", PARTS.relays, "MAILER(`smtp')\nMAILER(`uucp')\n"),
    of("noSmtp", "", "MAILER(`local')\n"),
    of("nullclient", call("nullclient", "hub.example.net"), ""),
    of("nullclientMasq", `${call("nouucp")}${call("nullclient", "[10.0.0.1]")}`, ""),
    of("msp", call("msp", "[127.0.0.1]"), ""),
    of("mspPort", call("msp", "[127.0.0.1]", "MSA"), ""),
    of("solaris", company, TAIL, "solaris8"),
    of("bsd", company, TAIL, "freebsd6"),
    // Debian's own file turns on experimental rules.
    ...(existsSync(`${CF_FOLDER}/ostype/debian.m4`)
      ? [
          of("debian", `DOMAIN(\`debian-mta')\n${PARTS.friendNow}`, TAIL, "debian"),
          of("debianHater", `DOMAIN(\`debian-mta')\n${PARTS.hater}${PARTS.files}`, TAIL, "debian"),
          of("debianMsp", `DOMAIN(\`debian-msp')\n${call("msp", "[127.0.0.1]", "25")}`, "", "debian"),
        ]
      : []),
  ];
  return [...parts, ...together];
}
