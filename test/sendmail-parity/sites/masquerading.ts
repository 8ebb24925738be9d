/** What Sendmail writes into addresses of header and envelope: masquerading, genericstable, always_add_domain. */
import { type Case, type SiteCases, sends } from "../cases.ts";
import { ACCESS, tables } from "./tables.ts";

const LAN = "202.99.11.9";

const HEADERS: readonly (readonly [name: string, from: string, lines: readonly string[]])[] = [
  [
    "a local sender",
    "alice@mail.linuxaid.com.cn",
    ["From: Alice <alice@mail.linuxaid.com.cn>", "To: x@example.com", "Cc: bob@mail.linuxaid.com.cn"],
  ],
  ["of the domain", "alice@linuxaid.com.cn", ["From: Alice <alice@linuxaid.com.cn>", "To: x@example.com"]],
  [
    "of a host below",
    "alice@pc.linuxaid.com.cn",
    ["From: alice@pc.linuxaid.com.cn (Alice)", "To: x@example.com"],
  ],
  ["without a domain", "alice", ["From: alice", "To: bob, x@example.com", "Reply-To: carol", "Sender: dave"]],
  ["root", "root@mail.linuxaid.com.cn", ["From: root@mail.linuxaid.com.cn", "To: x@example.com"]],
  [
    "from outside",
    "someone@example.org",
    ["From: someone@example.org", "To: alice@mail.linuxaid.com.cn", "Cc: bob"],
  ],
  ["generic", "bob@mail.linuxaid.com.cn", ["From: Bob <bob@mail.linuxaid.com.cn>", "To: x@example.com"]],
  [
    "generic with a detail",
    "bob+x@mail.linuxaid.com.cn",
    ["From: Bob <bob+x@mail.linuxaid.com.cn>", "To: x@example.com"],
  ],
  ["of another of our names", "carol@virtual.example", ["From: carol@virtual.example", "To: x@example.com"]],
  [
    "comments and groups",
    "alice@mail.linuxaid.com.cn",
    [
      'From: "Alice, of us" <alice@mail.linuxaid.com.cn> (at home)',
      "To: friends: x@example.com, bob@mail.linuxaid.com.cn;",
      "Subject: alice@mail.linuxaid.com.cn",
    ],
  ],
  [
    "folded",
    "alice@mail.linuxaid.com.cn",
    [
      "From: Alice\n <alice@mail.linuxaid.com.cn>",
      "To: x@example.com,\n\tbob@mail.linuxaid.com.cn,\n\tcarol",
    ],
  ],
  [
    "resent",
    "alice@mail.linuxaid.com.cn",
    [
      "From: someone@example.org",
      "To: someone@example.com",
      "Resent-From: alice@mail.linuxaid.com.cn",
      "Resent-To: x@example.com",
      "Resent-Date: Mon, 4 Jun 2001 09:00:00 +0800",
    ],
  ],
  [
    "errors-to and return-receipt-to",
    "alice@mail.linuxaid.com.cn",
    ["From: alice@mail.linuxaid.com.cn", "To: x@example.com", "Errors-To: bob", "Return-Receipt-To: carol"],
  ],
  [
    "with a Bcc",
    "alice@linuxaid.com.cn",
    ["From: alice@linuxaid.com.cn", "To: x@example.com", "Bcc: secret@example.com"],
  ],
  [
    "with a Return-Path",
    "alice@linuxaid.com.cn",
    ["Return-Path: <other@example.com>", "From: alice@linuxaid.com.cn", "To: x@example.com"],
  ],
];

function headerCases(): Case[] {
  const out = HEADERS.map(([name, from, header]) =>
    sends(`${name}, going out`, { from, to: "x@example.com", header }, LAN),
  );
  const stays = HEADERS.map(([name, from, header]) =>
    sends(`${name}, staying`, { from, to: "dave@linuxaid.com.cn", header }, LAN),
  );
  return [...out, ...stays];
}

function masquerading(name: string, features: string, files: Record<string, string> = {}): SiteCases {
  return {
    name,
    features: `${ACCESS}\nFEATURE(\`accept_unqualified_senders')dnl\n${features}`,
    files: tables({ "etc/mail/access": "Connect:202.99.11\tRELAY\n", ...files }),
    cases: headerCases(),
  };
}

const AS = "MASQUERADE_AS(`linuxaid.com.cn')dnl";
const GENERICS = {
  "etc/mail/genericstable":
    "bob\trobert.miller@linuxaid.com.cn\nalice@pc.linuxaid.com.cn\talice.w@linuxaid.com.cn\ncarol@virtual.example\tcarol@example.org\n",
  "etc/mail/generics-domains": "mail.linuxaid.com.cn\npc.linuxaid.com.cn\nvirtual.example\n",
};

export const masqueradingSites: readonly SiteCases[] = [
  masquerading("no masquerading", ""),
  masquerading("always_add_domain", "FEATURE(`always_add_domain')dnl"),
  masquerading("MASQUERADE_AS", AS),
  masquerading(
    "masquerade_envelope, masquerade_entire_domain, EXPOSED_USER",
    `${AS}
MASQUERADE_DOMAIN(\`linuxaid.com.cn')dnl
EXPOSED_USER(\`root')dnl
FEATURE(\`masquerade_entire_domain')dnl
FEATURE(\`masquerade_envelope')dnl`,
  ),
  masquerading(
    "allmasquerade, local_no_masquerade, always_add_domain",
    `${AS}
FEATURE(\`allmasquerade')dnl
FEATURE(\`local_no_masquerade')dnl
FEATURE(\`always_add_domain')dnl`,
  ),
  masquerading(
    "limited_masquerade",
    `${AS}
MASQUERADE_DOMAIN(\`mail.linuxaid.com.cn')dnl
FEATURE(\`limited_masquerade')dnl`,
  ),
  masquerading(
    "genericstable",
    `${AS}
FEATURE(\`genericstable', \`hash -o /etc/mail/genericstable')dnl
GENERICS_DOMAIN_FILE(\`/etc/mail/generics-domains')dnl
FEATURE(\`masquerade_envelope')dnl`,
    GENERICS,
  ),
  masquerading("domaintable", "FEATURE(`domaintable', `hash -o /etc/mail/domaintable')dnl", {
    "etc/mail/domaintable": "pc.linuxaid.com.cn\tlinuxaid.com.cn\nvirtual.example\texample.org\n",
  }),
];
