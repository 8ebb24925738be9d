/** The FEATUREs that change what access and the relay decision mean, one small site each. */
import { asks, type Case, CLIENTS, type SiteCases, sends } from "../cases.ts";
import { ACCESS, ACCESS_WITHOUT_SKIP, tables } from "./tables.ts";

const BLOCKLIST = "FEATURE(`blocklist_recipients')dnl";

/** Clients, senders and recipients against each other, for delay_checks. */
const DELAYED = `Connect:198.51.100.32	REJECT
Connect:198.51.100.31	RELAY
Connect:198.51.100.30	OK
Connect:198.51.100.33	DISCARD
From:reject.example	REJECT
From:ok.example	OK
From:relay.example	RELAY
To:blocked@linuxaid.com.cn	REJECT
Spam:alice@linuxaid.com.cn	FRIEND
Spam:bob@linuxaid.com.cn	HATER
Spam:carol@	FRIEND
Spam:dave@	HATER
Spam:virtual.example	FRIEND
Spam:abuse@	FRIEND
`;

function delayedCases(): Case[] {
  const senders = [
    "a@example.com",
    "a@reject.example",
    "a@ok.example",
    "a@relay.example",
    "a@no-such.example",
    "",
  ];
  const clients = [CLIENTS.named, "198.51.100.30", "198.51.100.32", "198.51.100.31"];
  const recipients = [
    "alice@linuxaid.com.cn",
    "bob@linuxaid.com.cn",
    "carol@linuxaid.com.cn",
    "dave@linuxaid.com.cn",
    "erin@linuxaid.com.cn",
    "frank@virtual.example",
    "blocked@linuxaid.com.cn",
    "x@example.net",
  ];
  return [
    ...clients.flatMap((client) =>
      senders.map((from) => asks(`client ${client}, sender <${from}>`, from, recipients, client)),
    ),
    sends(
      "a refused client's message to a friend",
      { to: ["alice@linuxaid.com.cn", "erin@linuxaid.com.cn"] },
      "198.51.100.32",
    ),
    sends("a discarded client's message", { to: "erin@linuxaid.com.cn" }, "198.51.100.33"),
  ];
}

function delayed(name: string, feature: string): SiteCases {
  return {
    name,
    features: `${ACCESS}\n${BLOCKLIST}\n${feature}`,
    files: tables({ "etc/mail/access": DELAYED }),
    cases: delayedCases(),
  };
}

const RELAYING = `Connect:198.51.100.31	RELAY
Connect:trusted.example	RELAY
To:relay.example.org	RELAY
To:full@other.example.org	RELAY
From:example.com	RELAY
From:boss@example.net	RELAY
From:sub.example.net	OK
To:.dotted.example	RELAY
.dotfrom.example	REJECT
From:undotted.example	REJECT
`;

const RELAY_CLIENTS = [
  CLIENTS.named,
  CLIENTS.forged,
  CLIENTS.nameless,
  CLIENTS.unsure,
  CLIENTS.ours,
  CLIENTS.lan,
  CLIENTS.loopback,
];
const RELAY_SENDERS = [
  "a@example.com",
  "boss@example.net",
  "a@example.net",
  "a@linuxaid.com.cn",
  "a@sub.example.net",
  "unqualified",
  "a@no-such.example",
  "a@lame.example",
  "a@x.dotfrom.example",
  "a@dotfrom.example",
  "a@x.undotted.example",
  "a@localhost",
  "",
];
const RELAY_RECIPIENTS = [
  "alice@linuxaid.com.cn",
  "x@example.org",
  "x@relay.example.org",
  "x@deep.relay.example.org",
  "full@other.example.org",
  "x@other.example.org",
  "x@relayed.example",
  "x@deep.relayed.example",
  "x@dotted.example",
  "x@y.dotted.example",
];

function relaying(name: string, feature: string): SiteCases {
  // It is an argument of access_db.
  const features = feature.includes("(relaytofulladdress)")
    ? `${ACCESS.replace("`skip'", "`skip', `relaytofulladdress'")}\n${BLOCKLIST}\n${feature.replace("(relaytofulladdress)", "")}`
    : `${ACCESS}\n${BLOCKLIST}\n${feature}`;
  return {
    name,
    features,
    files: tables({ "etc/mail/access": RELAYING }),
    cases: [
      ...RELAY_CLIENTS.map((client) => asks(`client ${client}`, "a@example.org", RELAY_RECIPIENTS, client)),
      ...RELAY_SENDERS.map((from) => asks(`sender <${from}>`, from, RELAY_RECIPIENTS)),
    ],
  };
}

export const accessFeatureSites: readonly SiteCases[] = [
  delayed("delay_checks", "FEATURE(`delay_checks')dnl"),
  delayed("delay_checks friend", "FEATURE(`delay_checks', `friend')dnl"),
  delayed("delay_checks hater", "FEATURE(`delay_checks', `hater')dnl"),
  relaying("relaying", ""),
  relaying("relay_entire_domain", "FEATURE(`relay_entire_domain')dnl"),
  relaying("relay_hosts_only", "FEATURE(`relay_hosts_only')dnl"),
  relaying("relay_mail_from", "FEATURE(`relay_mail_from')dnl"),
  relaying("relay_mail_from domain", "FEATURE(`relay_mail_from', `domain')dnl"),
  relaying("relay_local_from", "FEATURE(`relay_local_from')dnl"),
  relaying("lookupdotdomain, relaytofulladdress", "FEATURE(`lookupdotdomain')dnl\n(relaytofulladdress)"),
  relaying(
    "unresolvable, unqualified",
    "FEATURE(`accept_unresolvable_domains')dnl\nFEATURE(`accept_unqualified_senders')dnl",
  ),
  relaying("promiscuous_relay", "FEATURE(`promiscuous_relay')dnl"),
  {
    name: "without blocklist_recipients and skip, with a message of its own",
    features: `${ACCESS_WITHOUT_SKIP}\ndefine(\`confREJECT_MSG', \`550 we would rather not')dnl`,
    files: tables({ "etc/mail/access": DELAYED }),
    cases: delayedCases(),
  },
];
