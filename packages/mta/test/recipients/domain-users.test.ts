/** Domains with users of their own: whose mail it is, and what still holds for every domain. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { senderUser } from "../../src/recipients/local-sender.ts";
import { type FakeHost, fakeParts, resolveOn, same, user } from "./fake-parts.ts";

const localDomains = ["a.test", "b.test"];
const accounts = ["alice", "bob", "root", "alice@a.test", "alice@b.test", "carol@a.test"];

function resolve(address: string, host: FakeHost = {}): Promise<string[]> {
  return resolveOn({ localDomains, accounts, ...host }, address);
}

test("one name in two domains and without one is three mailboxes", async () => {
  await same(resolve("alice@a.test"), ["mailbox alice@a.test"]);
  await same(resolve("Alice@B.TEST"), ["mailbox alice@b.test"]);
  await same(resolve("alice@ours.test"), ["mailbox alice"]);
  await same(resolve("alice"), ["mailbox alice"]);
  await same(resolve('"alice"@a.test'), ["mailbox alice@a.test"]);
});

test("plain accounts are no recipients in a domain with users of its own", async () => {
  await same(resolve("bob@a.test"), ["550 5.1.1 <bob@a.test>... User unknown"]);
  await same(resolve("carol@b.test"), ["550 5.1.1 <carol@b.test>... User unknown"]);
  await same(resolve("carol@ours.test"), ["550 5.1.1 <carol@ours.test>... User unknown"]);
  await same(resolve("\\bob@a.test"), ["550 5.1.1 <\\bob@a.test>... User unknown"]);
  await same(resolve("\\alice@a.test"), ["mailbox alice@a.test"]);
});

test("a domain that is not local is not ours, whatever users there are", async () => {
  await same(resolve("alice@a.test", { localDomains: [] }), ["remote alice@a.test"]);
});

test("at the host's own name plain accounts stay recipients", async () => {
  const host = { accounts: [...accounts, "dora@mail.ours.test"] };
  await same(resolve("dora@mail.ours.test", host), ["mailbox dora@mail.ours.test"]);
  await same(resolve("bob@mail.ours.test", host), ["mailbox bob"]);
});

test("+detail", async () => {
  await same(resolve("alice+lists@a.test"), ["mailbox alice@a.test detail lists"]);
  await same(resolve("bob+x@a.test"), ["550 5.1.1 <bob+x@a.test>... User unknown"]);
  const own = { accounts: [...accounts, "alice+lists@a.test"] };
  await same(resolve("alice+lists@a.test", own), ["mailbox alice+lists@a.test"]);
});

test("an alias for every domain holds where the domain has no user of that name", async () => {
  const aliases = { abuse: "root", info: "alice@a.test, bob", alice: "bob" };
  await same(resolve("abuse@a.test", { aliases }), ["mailbox root"]);
  await same(resolve("postmaster@a.test", { aliases }), ["mailbox root"]);
  await same(resolve("info@b.test", { aliases }), ["mailbox alice@a.test", "mailbox bob"]);
  await same(resolve("alice@a.test", { aliases }), ["mailbox alice@a.test"]);
  await same(resolve("alice@ours.test", { aliases }), ["mailbox bob"]);
});

test("an alias for one domain comes before its users", async () => {
  const aliases = {
    "alice@a.test": "alice@a.test, bob",
    "sales@a.test": "carol@a.test",
    "sales+*@b.test": "alice@b.test",
    sales: "bob",
  };
  await same(resolve("alice@a.test", { aliases }), ["mailbox alice@a.test", "mailbox bob"]);
  await same(resolve("sales@a.test", { aliases }), ["mailbox carol@a.test"]);
  await same(resolve("sales+x@a.test", { aliases }), ["mailbox carol@a.test"]);
  await same(resolve("sales+x@b.test", { aliases }), ["mailbox alice@b.test"]);
  await same(resolve("sales@b.test", { aliases }), ["mailbox bob"]);
  await same(resolve("sales@ours.test", { aliases }), ["mailbox bob"]);
});

test("circles among domains end at a mailbox of theirs", async () => {
  const aliases = { "x@a.test": "alice@b.test", "alice@b.test": "x@a.test" };
  await same(resolve("x@a.test", { aliases }), ["mailbox alice@b.test"]);
});

test("virtusertable comes first", async () => {
  const virtusertable = { "alice@a.test": "alice@b.test", "alice@b.test": "alice@ours.test" };
  await same(resolve("alice@a.test", { virtusertable }), ["mailbox alice"]);
  await same(resolve("carol@a.test", { virtusertable }), ["mailbox carol@a.test"]);
});

test("a catch-all of virtusertable is for whoever is no user of the domain", async () => {
  const virtusertable = { "@a.test": "alice@b.test", "+*@b.test": "bob" };
  await same(resolve("carol@a.test", { virtusertable }), ["mailbox carol@a.test"]);
  await same(resolve("carol+x@a.test", { virtusertable }), ["mailbox carol@a.test detail x"]);
  await same(resolve("nobody@a.test", { virtusertable }), ["mailbox alice@b.test"]);
  await same(resolve("alice+x@b.test", { virtusertable }), ["mailbox alice@b.test detail x"]);
  await same(resolve("bob+x@b.test", { virtusertable }), ["mailbox bob"]);
});

test("an owner is looked for in the list's domain", async () => {
  const aliases = { "list@a.test": "bob, carol@a.test", "owner-list@a.test": "alice@a.test" };
  await same(resolve("list@a.test", { aliases }), [
    "mailbox bob from alice@a.test",
    "mailbox carol@a.test from alice@a.test",
  ]);
});

test("a .forward of whoever has a home", async () => {
  const home = { ...user("alice", 2001), name: "alice@a.test" };
  const host = { accounts: ["bob", home], files: { "/users/alice/.forward": "\\bob, alice@a.test\n" } };
  await same(resolve("alice@a.test", host), ["mailbox bob", "mailbox alice@a.test"]);
});

test("a hub takes plain names and leaves a domain's users here", async () => {
  const routing = { mailHub: "hub.test", luserRelay: "lost.test" };
  await same(resolve("alice@a.test", { routing }), ["mailbox alice@a.test"]);
  await same(resolve("bob@ours.test", { routing }), ["remote bob@hub.test via relay:hub.test"]);
  await same(resolve("nobody@a.test", { routing }), ["remote nobody@lost.test via relay:lost.test"]);
});

test("a sender's user is that of the domain", () => {
  const parts = fakeParts({
    localDomains,
    accounts: [{ ...user("al", 7), name: "al@a.test" }, user("al", 8)],
  });
  assert.equal(senderUser(parts, "al@a.test", "<al@a.test>"), "<al@a.test> (7/7)");
  assert.equal(senderUser(parts, "al@ours.test", "<al@ours.test>"), "<al@ours.test> (8/8)");
});
