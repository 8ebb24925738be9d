/** Which senders are an account's own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type OwnershipParts, ownsSender } from "../../src/recipients/sender-ownership.ts";
import { fakeTable } from "../policy/fake-policy.ts";
import { type FakeHost, fakeParts } from "./fake-parts.ts";

interface Host extends FakeHost {
  readonly senders?: Readonly<Record<string, string>>;
  readonly genericstable?: Readonly<Record<string, string>>;
  readonly masqueradeAs?: string;
}

function parts(host: Host): OwnershipParts {
  return {
    ...fakeParts(host),
    senders: fakeTable("senders", host.senders ?? {}),
    genericstable: fakeTable("genericstable", host.genericstable ?? {}),
    ...(host.masqueradeAs === undefined ? {} : { rewrite: { masqueradeAs: host.masqueradeAs } }),
  };
}

const HOST: Host = {
  accounts: ["wang", "li", "alice@a.test", "alice@b.test"],
  localDomains: ["a.test", "b.test", "c.test"],
  aliases: {
    info: "wang, li",
    sales: "info",
    press: "li",
    gone: "wang@elsewhere.test",
    "wang@c.test": "li",
    team: ":include:/lists/team",
    command: "|/bin/archive",
  },
  files: { "/lists/team": "li\nsomebody@elsewhere.test\n" },
  virtusertable: {
    "shop@c.test": "wang",
    "li@c.test": "wang",
    "@virtual.test": "li",
    "no@virtual.test": "error:nouser No such user here",
  },
  virtualDomains: ["virtual.test"],
  senders: { wang: "boss@partner.test,@brand.test", li: "wang@ours.test" },
};

async function owns(account: string, address: string, host: Host = HOST): Promise<boolean> {
  const answer = await ownsSender(account, address, parts(host));
  assert.notEqual(answer, "unknown");
  return answer !== undefined;
}

test("its name at every domain of ours, and nobody else's", async () => {
  for (const [account, address, own] of [
    ["wang", "", true],
    ["wang", "wang@ours.test", true],
    ["wang", "WANG@Mail.Ours.TEST", true],
    ["wang", '"wang"@ours.test', true],
    ["wang", "wang+lists@ours.test", true],
    ["wang", "wang", true],
    ["wang", "li@ours.test", false],
    ["wang", "wang+li@elsewhere.test", false],
    ["wang", "wang@elsewhere.test", false],
    ["wang", "nobody@ours.test", false],
    ["wang", "li+wang@ours.test", false],
    ["wang", '"wang%elsewhere.test"@ours.test', false],
  ] as const) {
    assert.equal(await owns(account, address), own, `${account} as ${address}`);
  }
});

test("every alias and virtusertable entry that leads to its mailbox, lists too", async () => {
  for (const [account, address, own] of [
    ["wang", "info@ours.test", true],
    ["li", "info@ours.test", true],
    ["wang", "sales@mail.ours.test", true],
    ["wang", "press@ours.test", false],
    ["wang", "gone@ours.test", false],
    ["wang", "command@ours.test", false],
    ["li", "team@ours.test", true],
    ["wang", "team@ours.test", false],
    ["wang", "shop@c.test", true],
    ["li", "anything@virtual.test", true],
    ["wang", "anything@virtual.test", false],
    ["li", "no@virtual.test", false],
    // One address at one domain is whose the table says.
    ["li", "li@c.test", false],
    ["wang", "li@c.test", true],
    ["wang", "wang@c.test", false],
    ["li", "wang@c.test", true],
    // With a detail as without.
    ["li", "li+x@c.test", false],
    ["wang", "li+x@c.test", true],
    ["li", '"li+x"@C.Test', false],
    ["wang", "wang+x@c.test", false],
    ["li", "wang+x@c.test", true],
    ["li", "li+x@a.test", false],
    ["li", "li+x@ours.test", true],
  ] as const) {
    assert.equal(await owns(account, address), own, `${account} as ${address}`);
  }
});

test("users of one domain are nobody elsewhere, and nobody else is them", async () => {
  for (const [account, address, own] of [
    ["alice@a.test", "alice@a.test", true],
    ["alice@a.test", "alice+x@a.test", true],
    ["alice@a.test", "alice@b.test", false],
    ["alice@a.test", "alice@ours.test", false],
    ["alice@b.test", "alice@a.test", false],
    ["wang", "wang@a.test", false],
  ] as const) {
    assert.equal(await owns(account, address), own, `${account} as ${address}`);
  }
});

test("what etc/mail/senders grants", async () => {
  for (const [account, address, own] of [
    ["wang", "boss@partner.test", true],
    ["wang", "Boss@PARTNER.test", true],
    ["wang", "other@partner.test", false],
    ["wang", "whoever@brand.test", true],
    ["wang", "whoever@sub.brand.test", false],
    ["li", "boss@partner.test", false],
    ["li", "wang@ours.test", true],
  ] as const) {
    assert.equal(await owns(account, address), own, `${account} as ${address}`);
  }
});

test("a .forward makes nobody an owner, and takes nothing from one", async () => {
  const host: Host = {
    accounts: [
      { name: "wang", source: "system", uid: 1001, gid: 1001, home: "/users/wang", shell: "/bin/sh" },
      "li",
    ],
    aliases: { info: "wang" },
    files: { "/users/wang/.forward": "li\n" },
    local: { forwardPath: ["$z/.forward"] },
  };
  assert.equal(await owns("wang", "info@ours.test", host), true);
  assert.equal(await owns("li", "info@ours.test", host), false);
  assert.equal(await owns("li", "wang@ours.test", host), false);
});

test("the address that genericstable and masquerading show", async () => {
  const host: Host = {
    accounts: ["wang", "li"],
    genericstable: { wang: "Wang.Wei@company.test", li: "li.na" },
    masqueradeAs: "company.test",
  };
  assert.equal(await owns("wang", "wang.wei@company.test", host), true);
  assert.equal(await owns("li", "wang.wei@company.test", host), false);
  assert.equal(await owns("li", "li@company.test", host), true);
  assert.equal(await owns("wang", "li@company.test", host), false);
});
