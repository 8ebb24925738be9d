/**
 * The decision against the reference: every table of up to three entries over a small alphabet, and random larger worlds with any
 * combination of features.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PolicySettings } from "@mailhost/common/settings/sendmail-settings";
import fc from "fast-check";
import {
  type Client,
  decideConnect,
  decideRecipient,
  decideSender,
  type Verdict,
} from "../../src/policy/relay-decision.ts";
import { formatReply } from "../../src/policy/reply.ts";
import { fakeFacts } from "./fake-policy.ts";
import { checkMail, checkRcpt, checkRelay, type Dialogue, type World } from "./reference-decision.ts";

const VALUES = ["OK", "RELAY", "REJECT", "DISCARD", "SKIP", "QUARANTINE:q", "ERROR:5.7.1:550 no"];

const PLAIN: Dialogue = {
  ip: "10.1.2.3",
  name: "",
  resolve: "FAIL",
  from: "u@a.b.c",
  fromDomain: "OK",
  to: "u@a.b.c",
  helo: "x.y",
};

function worldOf(access: Readonly<Record<string, string>>, rest: Partial<World> = {}): World {
  return {
    access,
    w: ["ours.c"],
    R: [],
    m: [],
    j: "mail.ours.c",
    drac: [],
    features: new Set(["accept_unresolvable_domains", "blocklist_recipients"]),
    ...rest,
  };
}

/** The product's rules for a world's features. */
function rulesOf({ features }: World): Partial<PolicySettings> {
  const has = (feature: string) => features.has(feature);
  return {
    blocklistRecipients: has("blocklist_recipients"),
    delayChecks: !has("delay_checks") ? "off" : has("friend") ? "friend" : has("hater") ? "hater" : "on",
    lookupDotDomain: has("lookupdotdomain"),
    relayEntireDomain: has("relay_entire_domain"),
    relayHostsOnly: has("relay_hosts_only"),
    relayMailFrom: !has("relay_mail_from") ? "off" : has("relay_mail_from domain") ? "domain" : "address",
    relayLocalFrom: has("relay_local_from"),
    relayToFullAddress: has("relaytofulladdress"),
    promiscuousRelay: has("promiscuous_relay"),
    acceptUnresolvableDomains: has("accept_unresolvable_domains"),
    acceptUnqualifiedSenders: has("accept_unqualified_senders"),
    requireReverseName: has("require_rdns"),
    relayNameErrors: has("name errors"),
  };
}

function factsOf(world: World) {
  const facts = fakeFacts({
    hostname: world.j,
    access: world.access,
    relayDomains: world.R,
    localHostNames: world.w,
    drac: world.drac,
    rules: rulesOf(world),
  });
  return { ...facts, ownDomains: world.m };
}

function clientOf(d: Dialogue): Client {
  const nameless = { OK: undefined, FAIL: "none", FORGED: "forged", TEMP: "temporary" } as const;
  const why = nameless[d.resolve];
  return { ip: d.ip, name: d.name, ...(why === undefined ? {} : { nameless: why }) };
}

function said(verdict: Verdict): string {
  if (verdict.kind === "refuse") return formatReply(verdict.reply);
  return verdict.kind === "quarantine" ? `hold ${verdict.reason}` : verdict.kind;
}

const DNS = { OK: "present", TEMP: "temporary", PERM: "absent" } as const;

/** A reply of check_mail at MAIL is about the sender. */
function toldOfSender(verdict: string, from: string): string {
  if (verdict === "accept by entry") return "accept";
  return /^(450|550|553) /.test(verdict) ? verdict.replace(/^(\S+ \S+) /, `$1 <${from}>... `) : verdict;
}

function agree(world: World, d: Dialogue, stages: readonly ("relay" | "mail" | "rcpt")[]): void {
  const facts = factsOf(world);
  const client = clientOf(d);
  const domain = DNS[d.fromDomain];
  for (const stage of stages) {
    const [ours, theirs] = {
      relay: () => [said(decideConnect(client, facts).verdict), checkRelay(world, d)],
      mail: () => [
        said(decideSender(d.from, facts, { client, domain }).verdict),
        toldOfSender(checkMail(world, d), d.from),
      ],
      rcpt: () => [
        said(decideRecipient(client, d.to, facts, { sender: d.from, senderDomain: domain }).verdict),
        checkRcpt(world, d),
      ],
    }[stage]();
    if (ours !== theirs)
      assert.equal(ours, theirs, JSON.stringify({ stage, ...world, features: [...world.features], d }));
  }
}

/** Every table of up to three entries. */
function* tables(
  keys: readonly string[],
  values: readonly string[] = VALUES,
  most = 3,
): Generator<Record<string, string>> {
  yield {};
  if (most === 0) return;
  for (const [index, key] of keys.entries()) {
    for (const value of values) {
      for (const rest of tables(keys.slice(index + 1), values, most - 1)) yield { [key]: value, ...rest };
    }
  }
}

test("check_relay: all tables of up to three entries", () => {
  const keys = [
    "connect:10.1.2.3",
    "10.1.2.3",
    "connect:10.1",
    "10",
    "connect:a.b.c",
    "b.c",
    "connect:c",
    "connect:[10.1.2.3]",
    "[10.1",
  ];
  let count = 0;
  for (const access of tables(keys)) {
    for (const d of [PLAIN, { ...PLAIN, name: "a.b.c", resolve: "OK" } as const]) {
      agree(worldOf(access), d, ["relay"]);
      count += 1;
    }
  }
  assert.ok(count > 50_000, String(count));
});

test("check_mail: all tables of up to three entries", () => {
  const keys = [
    "from:u+d@b.c",
    "u+*@b.c",
    "from:u@b.c",
    "u@b.c",
    "from:u@",
    "u@",
    "from:b.c",
    "c",
    "from:u+*@",
  ];
  for (const access of tables(keys)) {
    for (const from of ["u+d@b.c", "u@b.c", "u"]) agree(worldOf(access), { ...PLAIN, from }, ["mail"]);
  }
});

test("check_rcpt: all tables of up to three entries", () => {
  const keys = [
    "to:u@ours.c",
    "u@",
    "ours.c",
    "to:b.c",
    "b.c",
    "to:u@a.b.c",
    "connect:10.1.2.3",
    "10.1",
    "a.b.c",
  ];
  for (const access of tables(keys)) {
    for (const to of ["u@ours.c", "u@a.b.c", "u"]) agree(worldOf(access), { ...PLAIN, to }, ["rcpt"]);
    agree(worldOf(access), { ...PLAIN, name: "h.b.c", resolve: "OK", to: "x@far.d" }, ["rcpt"]);
  }
});

test("delay_checks and Spam: entries: all tables of up to three entries", () => {
  const keys = ["spam:u@ours.c", "spam:u@", "spam:ours.c", "from:a.b.c", "connect:10.1"];
  const values = [...VALUES, "FRIEND", "HATER"];
  for (const access of tables(keys, values)) {
    for (const mode of ["", "friend", "hater"]) {
      const features = new Set(["accept_unresolvable_domains", "blocklist_recipients", "delay_checks", mode]);
      agree(worldOf(access, { features }), { ...PLAIN, to: "u@ours.c" }, ["rcpt"]);
    }
  }
});

test("each relay feature: all tables of up to two entries, and of three that grant or refuse", () => {
  const sets = [
    ["relay_mail_from"],
    ["relay_mail_from", "relay_mail_from domain"],
    ["relay_mail_from", "relay_mail_from domain", "relay_hosts_only"],
    ["relay_mail_from", "relay_mail_from domain", "lookupdotdomain"],
    ["relaytofulladdress"],
    ["relaytofulladdress", "relay_hosts_only"],
    ["relay_hosts_only"],
    ["lookupdotdomain"],
    ["relay_local_from"],
    ["name errors"],
  ];
  const keys = [
    "from:u@b.c",
    "u@b.c",
    "from:b.c",
    "b.c",
    "from:.c",
    ".c",
    "to:u@b.c",
    "to:u@",
    "to:b.c",
    "connect:a.b.c",
    "c",
  ];
  const named = { ...PLAIN, name: "a.b.c", resolve: "OK" } as const;
  for (const features of sets) {
    const small = [
      ...tables(keys, ["OK", "RELAY", "REJECT", "SKIP"], 2),
      ...tables(keys, ["RELAY", "REJECT"], 3),
    ];
    for (const access of small) {
      const world = worldOf(access, { features: new Set(["accept_unresolvable_domains", ...features]) });
      agree(world, { ...PLAIN, from: "u+d@b.c", to: "x@far.d" }, ["rcpt"]);
      agree(world, { ...PLAIN, from: "u@ours.c", to: "u+d@b.c" }, ["rcpt"]);
      agree(world, { ...named, from: "v@a.b.c", to: "u@a.b.c" }, ["relay", "rcpt"]);
    }
  }
});

const FEATURES = [
  "blocklist_recipients",
  "delay_checks",
  "lookupdotdomain",
  "relay_entire_domain",
  "relay_hosts_only",
  "relay_mail_from",
  "relay_mail_from domain",
  "relay_local_from",
  "relaytofulladdress",
  "promiscuous_relay",
  "accept_unresolvable_domains",
  "accept_unqualified_senders",
  "require_rdns",
  "name errors",
];

test("random worlds with any features decide as the reference does", () => {
  const domains = ["c", "b.c", "a.b.c", "ours.c", "d", "far.d", "e.far.d", ".c", ".b.c", ".d"];
  const networks = ["10", "10.1", "10.1.2", "10.1.2.3", "[10.1.2.3]", "[10.1"];
  const users = ["u", "u+d", "u+*", "v"];
  const bare = [
    ...domains,
    ...networks,
    ...users.flatMap((u) => ["", ...domains.slice(1, 6)].map((d) => `${u}@${d}`)),
  ];
  const key = fc
    .tuple(fc.constantFrom("", "", "connect:", "from:", "to:", "spam:"), fc.constantFrom(...bare))
    .map(([tag, name]) => tag + name);
  const value = fc.constantFrom(
    ...VALUES,
    "FRIEND",
    "HATER",
    "RELAY",
    "ERROR:450 later",
    "no code",
    "ERROR:5.1.6:551 moved",
  );
  const name = fc.constantFrom("", "a.b.c", "ours.c", "pc.ours.c", "far.d");
  const address = fc
    .tuple(
      fc.constantFrom("u", "u+d", "v"),
      fc.constantFrom("", "b.c", "a.b.c", "ours.c", "far.d", "localhost"),
    )
    .map(([user, domain]) => (domain === "" ? user : `${user}@${domain}`));
  const world = fc.record({
    access: fc.dictionary(key, value, { maxKeys: 8 }),
    w: fc.subarray(["ours.c", "a.b.c", "[10.1.2.3]"]).map((names) => [...names, "localhost", "mail.ours.c"]),
    R: fc.subarray(["10.1", "10.1.2.3", "c", "far.d", "b.c"], { maxLength: 2 }),
    m: fc.constantFrom([], ["ours.c"], ["b.c"]),
    drac: fc.subarray(["10.1.2.3"]),
    j: fc.constant("mail.ours.c"),
    features: fc
      .tuple(fc.subarray(FEATURES), fc.constantFrom("friend", "hater", ""))
      .map(([list, mode]) => new Set([...list, mode])),
  });
  const dialogue = fc
    .record({
      ip: fc.constantFrom("10.1.2.3", "10.1.22.3", "10.9.9.9", "127.0.0.1"),
      name,
      resolve: fc.constantFrom("FAIL", "FORGED", "TEMP" as const),
      from: fc.oneof(fc.constant(""), address),
      fromDomain: fc.constantFrom("OK", "TEMP", "PERM" as const),
      to: address,
      helo: fc.constant("x.y"),
    })
    .map((d): Dialogue => {
      if (d.ip === "127.0.0.1") return { ...d, name: "localhost", resolve: "OK" };
      return d.name === "" ? (d as Dialogue) : ({ ...d, resolve: "OK" } as Dialogue);
    });
  fc.assert(
    fc.property(world, dialogue, (w, d) => agree(w, d, ["relay", "mail", "rcpt"])),
    { numRuns: 10_000 },
  );
});
