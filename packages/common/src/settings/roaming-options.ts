/**
 * The rows of the table of options for people who come from anywhere (see roaming-settings.ts).
 */
import type { Option } from "./option.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const fixed = (value: unknown) => () => value;
const flag = (path: string, on: boolean, doc: string): Option => ({
  path,
  kind: "boolean",
  default: fixed(on),
  doc,
});
const text = (name: string, given: string, doc: string): Option => ({
  path: name,
  kind: "string",
  default: fixed(given),
  doc,
});
const path = (name: string, given: string, doc: string): Option => ({
  path: name,
  kind: "path",
  default: fixed(given),
  doc,
});
const time = (name: string, given: number, doc: string, min = 0): Option => ({
  path: name,
  kind: "duration",
  default: fixed(given),
  min,
  doc,
});
const count = (name: string, given: number, min: number, max: number, doc: string): Option => ({
  path: name,
  kind: "integer",
  default: fixed(given),
  min,
  max,
  doc,
});
const list = (name: string, given: readonly string[], doc: string): Option => ({
  path: name,
  kind: "strings",
  default: fixed(given),
  doc,
});
const networks = (name: string, given: readonly string[], doc: string): Option => ({
  path: name,
  kind: "networks",
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

const DRAC: readonly Option[] = [
  flag(
    "drac.enabled",
    true,
    "Let the address of a successful POP3 login relay for a while (POP before SMTP).",
  ),
  time("drac.lifetime", 30 * MINUTE, "How long that lasts; fetching and sending renew it.", 1),
  networks(
    "drac.never",
    [],
    "Networks that never get it, as in access (192.0.2 or 192.0.2.0/24): a proxy, a router that many are behind.",
  ),
  {
    path: "drac.rpcListen",
    kind: "addresses",
    default: fixed([]),
    doc: "Where other servers' DRAC clients may call (Sun RPC program 900101), such as 127.0.0.1:0 for any port, found through rpcbind; empty: nowhere.",
  },
  networks("drac.rpcAllow", ["127.0.0.1"], "Addresses and networks that may call there."),
];

const ACCOUNTS: readonly Option[] = [
  {
    path: "accounts",
    kind: "accounts",
    default: fixed(["file", "system"]),
    doc: "Where mailboxes come from, in order: etc/mail/users (file), the system's accounts (system), a directory (ldap).",
  },
  choice(
    "system.passwords",
    ["auto", "pam", "shadow", "none"],
    "Who checks the passwords of the system's accounts: PAM, etc/shadow, the first of them that is there (auto), or nobody.",
  ),
  text("system.pamService", "mailhost", "The service that PAM knows us by: /etc/pam.d/NAME."),
  text("ldap.url", "", "The directory, ldap://host or ldaps://host."),
  flag("ldap.startTls", false, "Encrypt an ldap:// connection before anything is said."),
  path("ldap.caFile", "", "Certificates that the directory's must be signed by, PEM; else the system's."),
  text("ldap.bindDn", "", "Who looks accounts up; empty: anybody (anonymous)."),
  path("ldap.bindPasswordFile", "", "A file with its password, readable by its owner only."),
  text(
    "ldap.base",
    "",
    "Where in the directory accounts are looked for, such as ou=people,dc=example,dc=com.",
  ),
  text(
    "ldap.filter",
    "(|(uid={user})(mail={user}))",
    "Which entry is meant by a name; {user} is the name. Active Directory: (sAMAccountName={user}).",
  ),
  text("ldap.nameAttribute", "uid", "The attribute that a mailbox is called by."),
  time("ldap.timeout", 5_000, "How long the directory may take to answer.", 100),
  time("ldap.remember", 5 * MINUTE, "How long it is remembered which names there are."),
  { path: "quota.mailbox", kind: "size", default: fixed(0), min: 0, doc: "Largest mailbox; 0: no limit." },
  choice(
    "quota.action",
    ["defer", "bounce"],
    "Mail for a full mailbox waits (452 4.2.2) or goes back (552 5.2.2).",
  ),
  count("quota.warnAt", 90, 0, 99, "Per cent of the limit at which the owner gets a mail; 0: none."),
  path("quota.table", "etc/mail/quotas", "Limits of single mailboxes, NAME SIZE a line."),
];

const TLS: readonly Option[] = [
  text("tls.cert", "etc/mail/tls/cert.pem", "Certificate chain, PEM."),
  text("tls.key", "etc/mail/tls/key.pem", "Its key, PEM."),
  list(
    "tls.certificates",
    [],
    "Folders with a cert.pem and a key.pem each, for further names of the host: clients get the one for the name they ask for.",
  ),
  flag("tls.selfSigned", true, "Make a certificate at the first start when there is none."),
  choice("tls.minVersion", ["1.2", "1.3"], "Oldest version of TLS that is spoken."),
  text("tls.ciphers", "", "Ciphers for TLS 1.2 in OpenSSL's notation; empty: those that are good today."),
  flag("tls.allowPlaintextAuth", false, "Take passwords on unencrypted connections from anywhere."),
  list("acme.domains", [], "Names to get a certificate for from an ACME authority; empty: none is fetched."),
  text("acme.email", "", "Where the authority may write to."),
  text(
    "acme.directory",
    "https://acme-v02.api.letsencrypt.org/directory",
    "The authority's directory; this one is Let's Encrypt's.",
  ),
  flag(
    "acme.agreeToTerms",
    false,
    "You agree to the authority's terms of service; without it none is asked.",
  ),
  {
    path: "acme.listen",
    kind: "addresses",
    default: fixed([{ host: "0.0.0.0", port: 80 }]),
    doc: "Where the authority's question is answered (HTTP-01): it calls port 80 of each name.",
  },
  time("acme.renewBefore", 30 * DAY, "How long before its end a certificate is renewed.", HOUR),
  path("acme.caFile", "", "Certificates that the authority's own must be signed by, PEM; else the system's."),
];

const LOGINS: readonly Option[] = [
  list("auth.mechanisms", ["CRAM-MD5", "PLAIN", "LOGIN"], "SASL mechanisms that SMTP offers."),
  flag("auth.checkSender", true, "Whoever has logged in sends under its own addresses only."),
  flag("auth.hideClientAddress", false, "Received does not say where mail sent with a password came from."),
  flag("bans.enabled", true, "Ban addresses that guess passwords."),
  count(
    "bans.failures",
    20,
    1,
    64,
    "Wrong passwords of an address (IPv6: a /64) that ban it; the same one again does not count.",
  ),
  time("bans.window", 15 * MINUTE, "Within what time.", 1000),
  time("bans.time", HOUR, "How long the first ban lasts; each further one twice as long.", 1000),
  time("bans.longest", 7 * DAY, "The longest ban.", 1000),
  flag("bans.exemptRelay", true, "Never ban networks that may relay (access, relay-domains)."),
  networks("bans.exempt", [], "Further networks that are never banned, as in access."),
];

/** Those that a new site's file names. */
const ORDINARY: ReadonlySet<string> = new Set([
  "drac.enabled",
  "drac.lifetime",
  "accounts",
  "tls.cert",
  "tls.key",
  "tls.allowPlaintextAuth",
  "acme.domains",
  "acme.email",
  "acme.agreeToTerms",
]);

/** All of them. */
export const ROAMING_OPTIONS: readonly Option[] = [...DRAC, ...ACCOUNTS, ...TLS, ...LOGINS].map((row) =>
  ORDINARY.has(row.path) ? row : { ...row, expert: true },
);
