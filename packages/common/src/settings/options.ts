/**
 * The table of all settings: path, kind, default, bounds and one sentence of documentation each. The loader checks
 * against it, and docs/configuration.md is printed from it.
 */
import { hostname } from "node:os";
import type { Option } from "./option.ts";
import { POP3_OPTIONS } from "./pop3-options.ts";
import { ROAMING_OPTIONS } from "./roaming-options.ts";
import { SENDMAIL_OPTIONS } from "./sendmail-options.ts";
import type { ListenAddress } from "./settings.ts";

export type { Kind, Option } from "./option.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const MIB = 1024 ** 2;

const on = (port: number) => (): readonly ListenAddress[] => [{ host: "0.0.0.0", port }];
const fixed = (value: unknown) => () => value;

const ROWS: readonly Option[] = [
  {
    path: "hostname",
    kind: "string",
    default: () => hostname(),
    doc: "Name in the greeting, EHLO, Received and Message-ID.",
  },

  { path: "smtp.listen", kind: "addresses", default: on(25), doc: "Where mail from the world comes in." },
  {
    path: "smtp.submission",
    kind: "addresses",
    default: on(587),
    doc: "Where our own people submit: AUTH, or a RELAY network, is needed.",
  },
  {
    path: "smtp.smtps",
    kind: "addresses",
    default: on(465),
    doc: "Submission with TLS from the first octet (RFC 8314).",
  },
  {
    path: "smtp.maxMessageSize",
    kind: "size",
    default: fixed(25 * MIB),
    min: 1024,
    doc: "Largest message accepted.",
  },
  {
    path: "smtp.maxRecipients",
    kind: "integer",
    default: fixed(100),
    min: 1,
    doc: "Recipients of one message.",
  },
  {
    path: "smtp.maxHops",
    kind: "integer",
    default: fixed(30),
    min: 1,
    doc: "Received headers after which a message is taken for a loop.",
  },
  {
    path: "smtp.maxConnections",
    kind: "integer",
    default: fixed(1000),
    min: 1,
    doc: "SMTP sessions at once.",
  },
  {
    path: "smtp.maxConnectionsPerClient",
    kind: "integer",
    default: fixed(100),
    min: 1,
    doc: "SMTP sessions at once from one address; loopback and RELAY networks are not counted.",
  },
  {
    path: "smtp.idleTimeout",
    kind: "duration",
    default: fixed(5 * MINUTE),
    min: 1000,
    doc: "How long an SMTP client may take for a command, or for the next 4 KiB of a message (RFC 5321 section 4.5.3.2.7).",
  },
  {
    path: "smtp.proxyProtocol",
    kind: "strings",
    default: fixed([]),
    doc: "Addresses of forwarders whose PROXY header (version 1) names the real client.",
  },

  {
    path: "relay.smartHost",
    kind: "string",
    default: fixed(undefined),
    doc: 'Host that takes all mail that leaves: "[relay.isp.net]:587"; without brackets its MX hosts are used.',
  },
  {
    path: "relay.port",
    kind: "integer",
    default: fixed(25),
    min: 1,
    max: 65_535,
    doc: "Port on which MX hosts are called.",
  },
  {
    path: "relay.connectTimeout",
    kind: "duration",
    default: fixed(30_000),
    min: 10,
    doc: "How long a connection to another host may take to open.",
  },
  {
    path: "relay.greetingTimeout",
    kind: "duration",
    default: fixed(5 * MINUTE),
    min: 10,
    doc: "How long another host may take to greet (RFC 5321 section 4.5.3.2.1).",
  },
  {
    path: "relay.startTls",
    kind: "boolean",
    default: fixed(true),
    doc: "Use STARTTLS with hosts that offer it.",
  },
  {
    path: "relay.allowPlaintextAuth",
    kind: "boolean",
    default: () => false,
    doc: "Send passwords of authinfo to hosts without TLS too (AUTH PLAIN and LOGIN).",
  },
  {
    path: "relay.maxConnectionsPerDestination",
    kind: "integer",
    default: fixed(20),
    min: 1,
    doc: "Connections at once to one destination.",
  },

  {
    path: "queue.interval",
    kind: "duration",
    default: fixed(20 * MINUTE),
    min: 10,
    doc: "Time to the first retry (sendmail -q20m); it grows to at most 16 times this.",
  },
  {
    path: "queue.warnAfter",
    kind: "duration",
    default: fixed(4 * HOUR),
    min: 0,
    doc: "Age at which the sender is told that a message is late; 0s: never.",
  },
  {
    path: "queue.returnAfter",
    kind: "duration",
    default: fixed(5 * DAY),
    min: 1,
    doc: "Age at which a message goes back to its sender.",
  },

  { path: "dns.servers", kind: "addresses", default: fixed([]), doc: "Name servers; empty: the system's." },
  {
    path: "dns.timeout",
    kind: "duration",
    default: fixed(5000),
    min: 10,
    doc: "Time for one answer of a name server.",
  },

  { path: "pop3.listen", kind: "addresses", default: on(110), doc: "Where mail is fetched." },
  {
    path: "pop3.pop3s",
    kind: "addresses",
    default: on(995),
    doc: "POP3 with TLS from the first octet (RFC 8314).",
  },
  {
    path: "pop3.stats",
    kind: "boolean",
    default: fixed(true),
    doc: "Write a Stats: line at the end of each session (popper -s).",
  },
  {
    path: "pop3.timeout",
    kind: "duration",
    default: fixed(10 * MINUTE),
    min: 1000,
    doc: "How long a POP3 session may be silent (RFC 1939 section 3: at least 10 minutes).",
  },
  {
    path: "pop3.maxConnections",
    kind: "integer",
    default: fixed(2500),
    min: 1,
    doc: "POP3 sessions at once.",
  },
  {
    path: "pop3.maxConnectionsPerClient",
    kind: "integer",
    default: fixed(100),
    min: 1,
    doc: "POP3 sessions at once from one address; loopback and RELAY networks are not counted.",
  },
  {
    path: "pop3.proxyProtocol",
    kind: "strings",
    default: fixed([]),
    doc: "Addresses of forwarders whose PROXY header (version 1) names the real client.",
  },

  {
    path: "lockTimeout",
    kind: "duration",
    default: fixed(MINUTE),
    min: 100,
    doc: "How long to wait for a mailbox that another program has locked.",
  },

  {
    path: "run.user",
    kind: "string",
    default: fixed(undefined),
    doc: "User to become after binding; root at / becomes mail.",
  },
  {
    path: "run.group",
    kind: "string",
    default: fixed(undefined),
    doc: "Group to become after binding; root at / becomes mail.",
  },

  {
    path: "log.format",
    kind: "logFormat",
    default: fixed("sendmail"),
    doc: "sendmail: syslog lines that analysers know; json: one object a line.",
  },
  {
    path: "log.level",
    kind: "integer",
    default: fixed(9),
    min: 0,
    max: 99,
    doc: "Sendmail's LogLevel: 4 rejects, 9 deliveries, 10 sessions, 14 protocol.",
  },

  ...POP3_OPTIONS.map((row): Option => ({ ...row, expert: true })),
  ...SENDMAIL_OPTIONS.map((row): Option => ({ ...row, expert: true })),
  ...ROAMING_OPTIONS,
];

/** Every setting there is, those of one group together. */
export const OPTIONS: readonly Option[] = grouped(ROWS);

function grouped(rows: readonly Option[]): Option[] {
  const groups = new Map<string, Option[]>();
  for (const row of rows) {
    const group = row.path.replace(/\..*/, "");
    groups.set(group, [...(groups.get(group) ?? []), row]);
  }
  return [...groups.values()].flat();
}
