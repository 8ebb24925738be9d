import assert from "node:assert/strict";
import { test } from "node:test";
import { readDnsbl } from "../../src/policy/dnsbl.ts";
import { explainRuleset } from "../../src/policy/explain.ts";
import { ownDomainsOf } from "../../src/policy/local-domains.ts";
import { policyWarnings } from "../../src/policy/warnings.ts";
import { fakeFacts } from "./fake-policy.ts";

const CLIENT = { ip: "203.0.113.9", name: "" };

test("rulesets by name, with every look-up and Sendmail's result", () => {
  const facts = fakeFacts({
    access: { "connect:203.0": "REJECT", "from:x.example": "QUARANTINE:odd", "to:trap@": "DISCARD" },
    localHostNames: ["linuxaid.com.cn"],
  });
  const relay = explainRuleset("check_relay", "[203.0.113.9] $| 203.0.113.9", facts, CLIENT);
  assert.equal(relay?.returns, '$#error $@ 5.7.1 $: "550 Access denied"');
  assert.equal(relay.lookups.at(-1), "access: connect:203.0 -> REJECT");
  assert.ok(relay.lookups.includes("access: connect:[203.0.113.9] - no entry"));
  const mail = explainRuleset("check_mail", "<a@x.example>", facts, CLIENT);
  assert.equal(mail?.returns, "$#error $@ quarantine $: odd");
  const rcpt = (to: string, name = "check_rcpt") => explainRuleset(name, to, facts, CLIENT)?.returns;
  assert.equal(rcpt("<trap@linuxaid.com.cn>"), "$#discard $: discard");
  assert.equal(rcpt("joe@linuxaid.com.cn", "Basic_check_rcpt"), "RELAY");
  assert.equal(rcpt("<x@far.example>"), '$#error $@ 5.7.1 $: "550 Relaying denied"');
  assert.equal(rcpt("x", "check_etrn"), undefined);
});

test("IPv6: by address, by groups, and all of it", () => {
  const relay = (access: Record<string, string>) =>
    explainRuleset("check_relay", "", fakeFacts({ access }), { ip: "2001:DB8::1", name: "" })?.returns;
  assert.match(relay({ "connect:ipv6:2001:db8:0:0:0:0:0:1": "REJECT" }) ?? "", /Access denied/);
  assert.match(relay({ "ipv6:2001:db8": "REJECT" }) ?? "", /Access denied/);
  assert.match(relay({ ipv6: "REJECT" }) ?? "", /Access denied/);
  assert.equal(relay({ "ipv6:2001:db9": "REJECT" }), "OK");
});

test("class m never is everybody's", () => {
  assert.deepEqual(ownDomainsOf("mail.linuxaid.com.cn"), ["linuxaid.com.cn"]);
  assert.deepEqual(ownDomainsOf("a.b.example.org."), ["b.example.org"]);
  for (const name of ["linuxaid.com.cn", "example.org", "host", "x.co.uk"])
    assert.deepEqual(ownDomainsOf(name), [], name);
});

test("block lists as the setting writes them", () => {
  const plain = readDnsbl("bl.example");
  assert.equal(plain.nameOf("192.0.2.7"), "7.2.0.192.bl.example");
  assert.equal(plain.nameOf("::ffff:192.0.2.7"), "7.2.0.192.bl.example");
  assert.equal(plain.nameOf("2001:db8::1"), undefined);
  assert.deepEqual([plain.action, plain.message, plain.refuseUnanswered], ["refuse", "", false]);
  assert.equal(readDnsbl("bl.example;t").refuseUnanswered, true);
  assert.equal(readDnsbl("bl.example discard").action, "discard");
  const worded = readDnsbl('bl.example "550 Mail from " $&{client_addr} " refused"');
  assert.equal(worded.messageFor("192.0.2.7", ""), "550 Mail from 192.0.2.7 refused");
});

test("who lets strangers relay is told so", () => {
  const { rules } = fakeFacts({});
  assert.deepEqual(policyWarnings(rules), []);
  assert.match(policyWarnings({ ...rules, promiscuousRelay: true })[0] ?? "", /^OPEN RELAY: /);
  assert.equal(policyWarnings({ ...rules, relayLocalFrom: true, relayMailFrom: "domain" }).length, 2);
});
