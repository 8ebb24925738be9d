import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  clientIsTrustedNetwork,
  decideConnect,
  decideRecipient,
  decideSender,
  type Verdict,
} from "../../src/policy/relay-decision.ts";
import { formatReply } from "../../src/policy/reply.ts";
import { type FakeHost, fakeFacts } from "./fake-policy.ts";

const OUTSIDE = { ip: "203.0.113.9", name: "" };

/** The article's own tables. */
const ARTICLE: FakeHost = {
  access: { "127.0.0.1": "RELAY", "202.99.11": "RELAY" },
  localHostNames: ["linuxaid.com.cn", "mail.linuxaid.com.cn"],
};

function text(verdict: Verdict): string {
  return verdict.kind === "refuse" ? formatReply(verdict.reply) : verdict.kind;
}

function recipient(ip: string, to: string, host: FakeHost, name = ""): string {
  return text(decideRecipient({ ip, name }, to, fakeFacts(host)).verdict);
}

test("the article: the LAN relays, others do not, everybody reaches our users", () => {
  assert.equal(recipient("202.99.11.9", "x@elsewhere.example", ARTICLE), "accept");
  assert.equal(
    recipient("202.99.111.9", "x@elsewhere.example", ARTICLE),
    "550 5.7.1 <x@elsewhere.example>... Relaying denied",
  );
  assert.equal(
    recipient("202.99.1.1", "x@elsewhere.example", ARTICLE),
    "550 5.7.1 <x@elsewhere.example>... Relaying denied",
  );
  assert.equal(recipient(OUTSIDE.ip, "joe@LinuxAid.com.cn.", ARTICLE), "accept");
  assert.equal(recipient(OUTSIDE.ip, "joe@mail.linuxaid.com.cn", ARTICLE), "accept");
  assert.equal(recipient(OUTSIDE.ip, "postmaster", ARTICLE), "accept");
});

test("this host relays by its two addresses, and by no other of loopback", () => {
  for (const ip of ["127.0.0.1", "::1"]) assert.equal(recipient(ip, "x@y.example", {}), "accept");
  assert.match(recipient("127.0.0.9", "x@y.example", {}), /Relaying denied/);
});

test("OK accepts and does not relay; RELAY for the destination does", () => {
  const host: FakeHost = {
    access: { "203.0.113": "OK", "connect:198.51.100": "RELAY", "to:partner.example": "RELAY" },
  };
  assert.match(recipient("203.0.113.9", "x@y.example", host), /Relaying denied/);
  assert.equal(recipient("198.51.100.7", "x@y.example", host), "accept");
  assert.equal(recipient(OUTSIDE.ip, "x@partner.example", host), "accept");
  assert.equal(recipient(OUTSIDE.ip, "x@sub.partner.example", host), "accept");
  assert.match(recipient(OUTSIDE.ip, "x@notpartner.example", host), /Relaying denied/);
});

test("relay-domains: destinations, networks and client names", () => {
  const host: FakeHost = { relayDomains: ["friend.example", "198.51", "ipv6:2001:db8"] };
  assert.equal(recipient(OUTSIDE.ip, "x@sub.friend.example", host), "accept");
  assert.equal(recipient("198.51.100.1", "x@y.example", host), "accept");
  assert.equal(recipient("2001:db8::5", "x@y.example", host), "accept");
  assert.match(recipient("2001:db9::5", "x@y.example", host), /Relaying denied/);
  assert.equal(recipient(OUTSIDE.ip, "x@y.example", host, "pc.friend.example"), "accept");
});

test("POP before SMTP relays on port 25 and is not enough to submit", () => {
  const host: FakeHost = { drac: ["203.0.113.9"] };
  assert.equal(recipient("203.0.113.9", "x@y.example", host), "accept");
  const networks = decideRecipient(OUTSIDE, "x@y.example", fakeFacts(host), { networksOnly: true });
  assert.match(text(networks.verdict), /Relaying denied/);
  assert.equal(clientIsTrustedNetwork(OUTSIDE, fakeFacts(host)), undefined);
});

test("the container's gateway never relays, whatever covers it", () => {
  const host: FakeHost = {
    access: { "172.17": "RELAY" },
    relayDomains: ["172.17.0"],
    drac: ["172.17.0.1"],
    gateways: ["172.17.0.1"],
    localHostNames: ["linuxaid.com.cn"],
  };
  const decision = decideRecipient({ ip: "172.17.0.1", name: "" }, "x@y.example", fakeFacts(host));
  assert.match(text(decision.verdict), /Relaying denied/);
  assert.ok(decision.lookups.some((l) => l.table === "container gateway"));
  assert.equal(recipient("172.17.0.1", "joe@linuxaid.com.cn", host), "accept");
  assert.equal(recipient("172.17.0.2", "x@y.example", host), "accept");
});

test("connect: name before address, SKIP ends the search", () => {
  const facts = fakeFacts({
    access: {
      "192.0.2": "REJECT",
      "192.0.2.7": "SKIP",
      "good.example": "OK",
      "192.0.3": "DISCARD",
      "192.0.4": "ERROR:5.7.1:550 no",
    },
  });
  const connect = (ip: string, name = "") => text(decideConnect({ ip, name }, facts).verdict);
  assert.equal(connect("192.0.2.1"), "550 5.7.1 Access denied");
  assert.equal(connect("192.0.2.7"), "accept");
  assert.equal(connect("192.0.2.1", "mx.good.example"), "accept");
  assert.equal(connect("192.0.3.1"), "discard");
  assert.equal(connect("192.0.4.1"), "550 5.7.1 no");
});

test("sender: address, user, domain, parent domain; the null sender always may", () => {
  const facts = fakeFacts({
    access: {
      "spam.example": "REJECT",
      "from:ok@spam.example": "OK",
      "hidden@": "550 not you",
      "drop@x.example": "DISCARD",
      "a@plus.example": "REJECT",
    },
  });
  const sender = (address: string) => text(decideSender(address, facts).verdict);
  assert.equal(sender("x@sub.SPAM.example"), "550 5.7.1 <x@sub.SPAM.example>... Access denied");
  assert.equal(sender("OK@spam.example"), "accept");
  assert.equal(sender("hidden@anywhere.example"), "550 5.0.0 <hidden@anywhere.example>... not you");
  assert.equal(sender("drop@x.example"), "discard");
  assert.equal(sender("a+detail@plus.example"), "550 5.7.1 <a+detail@plus.example>... Access denied");
  assert.equal(sender(""), "accept");
});

test("recipient entries bar, and OK or RELAY among them say nothing", () => {
  const host: FakeHost = {
    ...ARTICLE,
    access: {
      ...ARTICLE.access,
      "to:gone@linuxaid.com.cn": "REJECT",
      "to:moved@linuxaid.com.cn": "ERROR:5.1.6:551 has moved",
      "to:trap@linuxaid.com.cn": "DISCARD",
      "to:free@y.example": "OK",
    },
  };
  assert.equal(
    recipient(OUTSIDE.ip, "gone@linuxaid.com.cn", host),
    "550 5.2.1 <gone@linuxaid.com.cn>... Mailbox disabled for this recipient",
  );
  assert.equal(recipient(OUTSIDE.ip, "moved@linuxaid.com.cn", host), "551 5.1.6 has moved");
  assert.equal(recipient(OUTSIDE.ip, "trap@linuxaid.com.cn", host), "discard");
  assert.match(recipient(OUTSIDE.ip, "free@y.example", host), /Relaying denied/);
});

test("no trick of writing an address relays", () => {
  const tricks = [
    "x%y.example@linuxaid.com.cn",
    "y.example!x@linuxaid.com.cn",
    "x@y.example@linuxaid.com.cn",
    '"x@y.example"@linuxaid.com.cn',
    '"x%y.example"@linuxaid.com.cn',
    '"x@y.example"',
    "y.example!x",
    "x%y.example",
    "x%y.example@localhost",
    "x@y.example@localhost",
    "x%y.example@[192.0.2.25]",
    "x@[192.0.2.99]",
    "x@127.0.0.1",
    "x@9.202.99.11",
    "x@y.example.",
    "x@linuxaid.com.cn.y.example",
    "x@xlinuxaid.com.cn",
    "x@localhost.y.example",
  ];
  for (const to of tricks) {
    const answer = recipient(OUTSIDE.ip, to, { ...ARTICLE, ownAddresses: ["192.0.2.25"] });
    assert.match(answer, /^550 5\.7\.1 .*Relaying denied$/, to);
  }
  assert.match(recipient("9.202.99.11", "x@y.example", ARTICLE, "9.202.99.11"), /Relaying denied/);
  // A name of ours that does not lead back to the client is no permission; one that does is a host of ours (class w).
  assert.match(recipient(OUTSIDE.ip, "x@y.example", ARTICLE, ""), /Relaying denied/);
  assert.equal(recipient(OUTSIDE.ip, "x@y.example", ARTICLE, "linuxaid.com.cn"), "accept");
});

/** The rule told another way: every way in which a client may relay, as a list of conditions. */
function mayRelay(ip: string, to: string, host: FakeHost): boolean {
  const domain = to.slice(to.lastIndexOf("@") + 1);
  const parents = (text: string) => text.split(".").map((_, i, all) => all.slice(i).join("."));
  const networks = ip.split(".").map((_, i, all) => all.slice(0, i + 1).join("."));
  const access = host.access ?? {};
  const nearest = (tag: string, keys: readonly string[]) =>
    keys
      .flatMap((k) => [`${tag}:${k}`, k])
      .map((k) => access[k])
      .find((v) => v !== undefined);
  if (host.localHostNames?.includes(domain)) return true;
  if (parents(domain).some((d) => host.relayDomains?.includes(d))) return true;
  if (nearest("to", parents(domain)) === "RELAY") return true;
  if (ip === "127.0.0.1") return true;
  if (host.gateways?.includes(ip)) return false;
  if (networks.some((n) => host.relayDomains?.includes(n))) return true;
  if (host.drac?.includes(ip)) return true;
  return nearest("connect", networks.toReversed()) === "RELAY";
}

test("a thousand random hosts decide as the slow rule does", () => {
  const ips = ["127.0.0.1", "10.1.2.3", "10.1.2.4", "10.1.3.3", "10.2.1.1", "172.17.0.1"];
  const domains = ["a.example", "b.a.example", "c.test", "ours.test"];
  const networks = ["10", "10.1", "10.1.2", "10.1.2.3", "172.17"];
  const names = ["example", "a.example", "b.a.example", "c.test", "ours.test"];
  const keys = [...networks, ...networks.map((n) => `connect:${n}`), ...names.map((n) => `to:${n}`)];
  const host = fc.record({
    access: fc.dictionary(fc.constantFrom(...keys), fc.constantFrom("OK", "RELAY"), { maxKeys: 5 }),
    relayDomains: fc.subarray([...networks, ...names], { maxLength: 2 }),
    localHostNames: fc.subarray(["ours.test", "b.a.example"]),
    drac: fc.subarray(ips),
    gateways: fc.subarray(["172.17.0.1", "10.1.2.4"]),
  });
  fc.assert(
    fc.property(host, fc.constantFrom(...ips), fc.constantFrom(...domains), (h, ip, domain) => {
      const to = `user@${domain}`;
      assert.equal(recipient(ip, to, h) === "accept", mayRelay(ip, to, h), JSON.stringify({ h, ip, to }));
    }),
    { numRuns: 1000 },
  );
});

test("at a domain that we pass mail on to, a route must lead to such a domain too: that host trusts us", () => {
  const host: FakeHost = {
    access: { "to:entry.example": "RELAY", "to:held.example": "OK", "198.51.100": "RELAY" },
    relayDomains: ["class.example"],
    localHostNames: ["ours.example"],
    rules: { relayEntireDomain: true, relayBasedOnMx: true },
  };
  const may = (to: string, ip = OUTSIDE.ip) => recipient(ip, to, host) === "accept";
  for (const domain of ["entry.example", "class.example", "sub.class.example", "pc.linuxaid.com.cn"]) {
    assert.ok(may(`v@${domain}`), domain);
    for (const name of [
      "v%far.example",
      "far.example!v",
      '"v@far.example"',
      '"v%far.example"',
      "v%far.example%entry.example",
      "class.example!v%far.example",
      "v%held.example",
      "v%",
      "!v",
      '"v@"',
    ]) {
      assert.equal(may(`${name}@${domain}`), false, `${name}@${domain}`);
      assert.ok(may(`${name}@${domain}`, "198.51.100.7"), "whoever may relay may do that too");
    }
    for (const name of ["v%class.example", "entry.example!v", '"v@entry.example"', "v%ours.example"])
      assert.ok(may(`${name}@${domain}`), `${name}@${domain}`);
  }
  const known = { mxHosts: ["mail.linuxaid.com.cn"] };
  const byMx = (to: string) =>
    decideRecipient({ ip: OUTSIDE.ip, name: "" }, to, fakeFacts(host), known).verdict.kind;
  assert.equal(byMx("v@mx.example"), "accept");
  assert.equal(byMx("v%far.example@mx.example"), "refuse");
});

test("domaintable: addresses are judged under their new name, and named as they were given", () => {
  const host: FakeHost = {
    access: { "bad.example": "REJECT" },
    localHostNames: ["ours.example", "gone.example"],
    domaintable: {
      "old.example": "ours.example",
      "gone.example": "far.example",
      "worse.example": "bad.example",
    },
  };
  assert.equal(recipient(OUTSIDE.ip, "joe@Old.example", host), "accept");
  assert.equal(
    recipient(OUTSIDE.ip, "joe@gone.example", host),
    "550 5.7.1 <joe@gone.example>... Relaying denied",
  );
  assert.match(recipient(OUTSIDE.ip, "v%far.example@old.example", host), /Relaying denied/);
  const sender = decideSender("a@worse.example", fakeFacts(host)).verdict;
  assert.equal(text(sender), "550 5.7.1 <a@worse.example>... Access denied");
});
