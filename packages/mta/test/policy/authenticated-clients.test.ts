/** What a login by SMTP AUTH changes in the decisions, and what it does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Client,
  decideConnect,
  decideRecipient,
  type RecipientDecision,
} from "../../src/policy/relay-decision.ts";
import { formatReply } from "../../src/policy/reply.ts";
import { type FakeHost, fakeFacts } from "./fake-policy.ts";

const STRANGER: Client = { ip: "203.0.113.9", name: "" };
const WANG: Client = { ...STRANGER, auth: { account: "wang", mechanism: "PLAIN" } };
const OURS: FakeHost = { localHostNames: ["ours.test"] };

function text({ verdict }: Pick<RecipientDecision, "verdict">): string {
  return verdict.kind === "refuse" ? formatReply(verdict.reply) : `${verdict.kind}: ${verdict.why}`;
}

const rcpt = (client: Client, to: string, host: FakeHost = OURS, sender = "wang@ours.test") =>
  text(decideRecipient(client, to, fakeFacts(host), { sender }));

test("whoever has logged in relays, and the trace says why", () => {
  assert.equal(rcpt(WANG, "x@far.test"), "accept: authenticated as wang");
  assert.equal(rcpt(STRANGER, "x@far.test"), "550 5.7.1 <x@far.test>... Relaying denied");
  assert.equal(
    rcpt({ ...STRANGER, mayAuthenticate: () => true }, "x@far.test"),
    "550 5.7.1 <x@far.test>... Relaying denied. Proper authentication required.",
  );
});

test("entries that bar a recipient count for it too", () => {
  const host = { ...OURS, access: { "to:x@far.test": "ERROR:5.7.1:550 never", "to:y@far.test": "DISCARD" } };
  assert.equal(rcpt(WANG, "x@far.test", host), "550 5.7.1 <x@far.test>... never");
  assert.match(rcpt(WANG, "y@far.test", host), /^discard/);
});

test("with delayChecks it is spared what is said of its address, its sender and its name", () => {
  for (const host of [
    { ...OURS, access: { "connect:203.0.113.9": "REJECT" }, rules: { delayChecks: "on" } },
    { ...OURS, access: { "from:wang@ours.test": "REJECT" }, rules: { delayChecks: "on" } },
    { ...OURS, rules: { delayChecks: "on", requireReverseName: true } },
    { ...OURS, rules: { blockBadHelo: true } },
  ] as const satisfies readonly FakeHost[]) {
    const from = { ...STRANGER, helo: "ours.test" };
    assert.match(rcpt(from, "li@ours.test", host), /^550 /, JSON.stringify(host));
    assert.equal(rcpt({ ...from, auth: WANG.auth! }, "li@ours.test", host), "accept: authenticated as wang");
  }
});

test("on the submission ports nobody is asked for a name, or looked up in block lists; entries of access count", () => {
  const listed = { ...STRANGER, listed: new Map([["bl.test", "present" as const]]) };
  const rules = { dnsbl: ["bl.test"], requireReverseName: true };
  assert.match(text(decideConnect(listed, fakeFacts({ rules }))), /^550 5\.7\.1 Rejected/);
  assert.match(text(decideConnect({ ...listed, submits: true }, fakeFacts({ rules }))), /^accept/);
  const barred = fakeFacts({ rules, access: { "connect:203.0.113.9": "REJECT" } });
  assert.match(text(decideConnect({ ...listed, submits: true }, barred)), /^550 5\.7\.1 Access denied/);
});
