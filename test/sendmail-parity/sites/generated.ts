/**
 * Sites that fast-check makes up: tables and the dialogues that go with them. The seed is fixed, so that a difference is
 * there again tomorrow; MAILHOST_PARITY_SEED gives another, to look for more.
 */
import fc from "fast-check";
import { asks, type Case, type SiteCases, sends } from "../cases.ts";
import { ACCESS, tables } from "./tables.ts";

/** Where the generated tables begin. */
export const SEED = Number(process.env.MAILHOST_PARITY_SEED ?? 20010604);

const LAN = "202.99.11.9";
const from = fc.constantFrom;

function sample<T>(arbitrary: fc.Arbitrary<T>, count: number, salt: number): T[] {
  return fc.sample(arbitrary, { seed: SEED + salt, numRuns: count });
}

/** A table's text out of entries; the first of two with the same key stays, as makemap has it. */
function text(entries: readonly (readonly [key: string, value: string])[]): string {
  const byKey = new Map<string, string>();
  for (const [key, value] of entries)
    if (!byKey.has(key.toLowerCase())) byKey.set(key.toLowerCase(), `${key}\t${value}`);
  return `${[...byKey.values()].join("\n")}\n`;
}

// access

const domain = from("a.test", "b.a.test", "c.b.a.test", "test", "z.test");
const user = from("u", "v", "u+d", "u+e", "v+d");
const ours = from("alice", "bob", "carol", "alice+d", "bob+d", "nobody-here");
const client = from("198.51.100.61", "198.51.100.62", "198.51.101.61", "202.99.11.9", "127.0.0.1");

const accessKey = fc
  .oneof(
    fc.tuple(
      from("Connect:", ""),
      from(
        "198.51.100.61",
        "198.51.100.62",
        "198.51.100",
        "198.51",
        "202.99.11",
        "pc1.a.test",
        "a.test",
        "test",
      ),
    ),
    fc.tuple(
      from("From:", "From:", ""),
      fc.oneof(
        domain,
        fc.tuple(from("u", "v", "u+d", "u+*"), domain).map(([u, d]) => `${u}@${d}`),
        from("u@", "v@", "u+d@", "u+*@"),
      ),
    ),
    fc.tuple(
      from("To:", "To:", ""),
      fc.oneof(
        domain,
        from(
          "linuxaid.com.cn",
          "mail.linuxaid.com.cn",
          "alice@linuxaid.com.cn",
          "alice+*@linuxaid.com.cn",
          "bob@",
          "bob+d@linuxaid.com.cn",
          "carol@mail.linuxaid.com.cn",
          "x@a.test",
          "x@",
        ),
      ),
    ),
  )
  .map(([tag, key]) => tag + key);
const accessValue = from(
  "OK",
  "OK",
  "RELAY",
  "RELAY",
  "REJECT",
  "REJECT",
  "SKIP",
  "ERROR:5.7.1:550 not wanted",
  "ERROR:4.7.1:450 not yet",
  "550 old words",
  "DISCARD",
);

function accessSite(number: number, feature: string): SiteCases {
  const entries = sample(fc.tuple(accessKey, accessValue), 22, number);
  const sender = fc.oneof(
    fc.tuple(user, domain).map(([u, d]) => `${u}@${d}`),
    from("", "alice@linuxaid.com.cn", "x@no-such.example"),
  );
  const recipient = fc.oneof(
    fc.tuple(ours, from("linuxaid.com.cn", "mail.linuxaid.com.cn")).map(([u, d]) => `${u}@${d}`),
    fc.tuple(from("x", "u"), domain).map(([u, d]) => `${u}@${d}`),
    ours,
  );
  const dialogue = fc.tuple(client, sender, fc.array(recipient, { minLength: 2, maxLength: 4 }));
  return {
    name: `generated access ${number}`,
    features: `${ACCESS}\n${feature}`,
    files: tables({ "etc/mail/access": text(entries) }),
    cases: sample(dialogue, 20, number + 100).map(([address, mailFrom, to], i) =>
      asks(`${i}: ${address} <${mailFrom}> ${to.join(" ")}`, mailFrom, to, address),
    ),
  };
}

// virtusertable

const virtualKey = fc.oneof(
  fc
    .tuple(from("one", "two", "one+d", "one+*", "two+*"), from("virtual.example", "catch.example"))
    .map(([u, d]) => `${u}@${d}`),
  from(
    "@virtual.example",
    "@catch.example",
    "+*@virtual.example",
    "+*@catch.example",
    "alice@linuxaid.com.cn",
  ),
);
const virtualValue = from(
  "alice",
  "bob",
  "carol%3",
  "%1@linuxaid.com.cn",
  "dave+%2",
  "erin",
  "frank@linuxaid.com.cn",
  "%1%3@example.com",
  "out@example.com",
  "error:nouser 550 Nobody",
  "error:5.2.1:550 Closed",
  "error:4.2.1:450 Later",
  "nobody-here",
);

function virtualSite(number: number): SiteCases {
  const address = fc
    .tuple(
      from("one", "two", "one+d", "one+e", "two+d", "three", "alice", "alice+d", "one+"),
      from("virtual.example", "catch.example", "linuxaid.com.cn"),
    )
    .map(([u, d]) => `${u}@${d}`);
  return {
    name: `generated virtusertable ${number}`,
    features: `${ACCESS}\nFEATURE(\`virtusertable', \`hash -o /etc/mail/virtusertable')dnl`,
    files: tables({
      "etc/mail/virtusertable": text(sample(fc.tuple(virtualKey, virtualValue), 9, number + 200)),
      "etc/mail/local-host-names": "linuxaid.com.cn\nvirtual.example\ncatch.example\n",
    }),
    cases: sample(address, 20, number + 300).map((to, i) => sends(`${i}: ${to}`, { to })),
  };
}

// aliases

const NAMES = ["n1", "n2", "n3", "n4", "n5", "n6"] as const;
/** Members of a list: names that come later, so that nothing goes in circles, and places where mail stays. */
function members(name: string) {
  const later = NAMES.filter((other) => other > name);
  return from<string[]>(
    ...later,
    "alice",
    "bob",
    "carol",
    "\\dave",
    "x@example.com",
    "y@example.net",
    "bob@linuxaid.com.cn",
    "alice+d",
  );
}

function aliasSite(number: number): SiteCases {
  const lists = NAMES.map(
    (name, i) =>
      sample(fc.array(members(name), { minLength: 1, maxLength: 4 }), 1, number * 10 + i + 400)[0]!,
  );
  const owners = sample(
    fc.tuple(from(...NAMES), from("alice", "bob", "z@example.com", "frank")),
    2,
    number + 500,
  );
  const lines = new Map<string, string>();
  NAMES.forEach((name, i) => void lines.set(name, lists[i]!.join(", ")));
  for (const [name, owner] of owners) lines.set(`owner-${name}`, owner);
  const all = [...lines].map(([name, value]) => `${name}: ${value}`);
  const to = fc.array(from<string[]>(...NAMES, "alice"), { minLength: 1, maxLength: 2 });
  const cases: Case[] = sample(
    fc.tuple(to, from("sender@example.com", "alice@linuxaid.com.cn", "")),
    14,
    number + 600,
  ).map(([names, mailFrom], i) =>
    sends(`${i}: <${mailFrom}> ${names.join(" ")}`, {
      from: mailFrom,
      to: names.map((name) => `${name}@linuxaid.com.cn`),
    }),
  );
  return {
    name: `generated aliases ${number}`,
    features: ACCESS,
    files: tables({ "etc/mail/aliases": `postmaster: root\nMAILER-DAEMON: postmaster\n${all.join("\n")}\n` }),
    cases,
  };
}

// masquerading

function headerSite(number: number, features: string, files: Record<string, string> = {}): SiteCases {
  const address = fc
    .tuple(
      from("alice", "bob", "root", "carol+x"),
      from(
        "",
        "@mail.linuxaid.com.cn",
        "@linuxaid.com.cn",
        "@pc.linuxaid.com.cn",
        "@virtual.example",
        "@example.com",
      ),
    )
    .map(([u, d]) => u + d);
  const mailbox = fc.oneof(
    address,
    address.map((a) => `<${a}>`),
    fc
      .tuple(from("Alice", "A. Person", '"Person, A."', "=?UTF-8?B?5byg?="), address)
      .map(([name, a]) => `${name.includes(".") && !name.startsWith('"') ? `"${name}"` : name} <${a}>`),
    address.map((a) => `${a} (of us)`),
  );
  const list = fc.array(mailbox, { minLength: 1, maxLength: 3 }).map((all) => all.join(", "));
  const mail = fc.tuple(
    address,
    mailbox,
    list,
    fc.option(list),
    from("x@example.com", "dave@linuxaid.com.cn"),
  );
  return {
    name: `generated headers ${number}`,
    features: `${ACCESS}\nFEATURE(\`accept_unqualified_senders')dnl\n${features}`,
    files: tables({ "etc/mail/access": "Connect:202.99.11\tRELAY\n", ...files }),
    cases: sample(mail, 16, number + 700).map(([mailFrom, sender, to, cc, rcpt], i) =>
      sends(
        `${i}: ${mailFrom} to ${rcpt}`,
        {
          from: mailFrom,
          to: rcpt,
          header: [`From: ${sender}`, `To: ${to}`, ...(cc === null ? [] : [`Cc: ${cc}`])],
        },
        LAN,
      ),
    ),
  };
}

/** All of them. */
export function generatedSites(): SiteCases[] {
  const blocklist = "FEATURE(`blocklist_recipients')dnl";
  return [
    accessSite(1, blocklist),
    accessSite(2, blocklist),
    accessSite(3, ""),
    accessSite(4, `${blocklist}\nFEATURE(\`delay_checks')dnl`),
    accessSite(5, `${blocklist}\nFEATURE(\`relay_hosts_only')dnl`),
    accessSite(6, `${blocklist}\nFEATURE(\`relay_mail_from', \`domain')dnl`),
    virtualSite(1),
    virtualSite(2),
    virtualSite(3),
    aliasSite(1),
    aliasSite(2),
    aliasSite(3),
    headerSite(1, "MASQUERADE_AS(`linuxaid.com.cn')dnl\nFEATURE(`masquerade_envelope')dnl"),
    headerSite(
      2,
      "FEATURE(`always_add_domain')dnl\nFEATURE(`genericstable', `hash -o /etc/mail/genericstable')dnl\nGENERICS_DOMAIN_FILE(`/etc/mail/generics-domains')dnl",
      {
        "etc/mail/genericstable":
          "bob\trobert@linuxaid.com.cn\nalice@pc.linuxaid.com.cn\talice.w@linuxaid.com.cn\n",
        "etc/mail/generics-domains": "mail.linuxaid.com.cn\npc.linuxaid.com.cn\n",
      },
    ),
  ];
}
