/** Whom a login name stands for: plain accounts, and users of domains that have their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { domainsOf } from "../../src/accounts/own-domains.ts";
import { loginName } from "../../src/login/login-name.ts";
import { parseSettings } from "../../src/settings/load.ts";

function login(typed: string, names: readonly string[], more = ""): string {
  const settings = parseSettings(`hostname: mail.test\n${more}`, "mailhost.yaml");
  const domains = domainsOf(names);
  const { account, noMime } = loginName(
    {
      settings: () => settings,
      accounts: () => ({
        find: (name) =>
          names.includes(name.toLowerCase()) ? { name: name.toLowerCase(), source: "file" } : undefined,
        hasDomain: (domain) => domains.has(domain),
      }),
      tables: { localHostNames: { has: (domain) => ["a.test", "b.test", "plain.test"].includes(domain) } },
    },
    typed,
  );
  return noMime ? `${account} without MIME` : account;
}

const NAMES = ["alice", "bob", "alice@a.test", "alice@b.test", "x%y"];

test("a user of a domain is called by the whole address, without case", () => {
  assert.equal(login("alice@a.test", NAMES), "alice@a.test");
  assert.equal(login("Alice@B.Test", NAMES), "alice@b.test");
  assert.equal(login("alice@B.test.", NAMES), "alice@b.test");
});

test("a plain account is called by its name, with the domain of a host that has no users of its own too", () => {
  assert.equal(login("alice", NAMES), "alice");
  assert.equal(login("alice@plain.test", NAMES), "alice");
  assert.equal(login("ALICE@mail.test", NAMES), "alice");
});

test("in a domain with users of its own nobody else logs in", () => {
  assert.equal(login("bob@a.test", NAMES), "bob@a.test");
  assert.equal(login("bob@a.test", NAMES, "pop3: {trimDomain: true}\n"), "bob@a.test");
});

test("at the host's own name plain accounts log in beside its users", () => {
  const names = [...NAMES, "carol@mail.test"];
  assert.equal(login("carol@mail.test", names), "carol@mail.test");
  assert.equal(login("bob@mail.test", names), "bob");
});

test("a per cent sign stands for the @, but in a name that is somebody's", () => {
  assert.equal(login("alice%a.test", NAMES), "alice@a.test");
  assert.equal(login("alice%plain.test", NAMES), "alice");
  assert.equal(login("x%y", NAMES), "x%y");
  assert.equal(login("alice%elsewhere.test", NAMES), "alice%elsewhere.test");
});

test("-no-mime stands behind the name, not behind the domain", () => {
  const on = "pop3: {noMime: true}\n";
  assert.equal(login("alice-no-mime@a.test", NAMES, on), "alice@a.test without MIME");
  assert.equal(login("alice-no-mime@plain.test", NAMES, on), "alice without MIME");
  assert.equal(login("alice-no-mime@a.test", [...NAMES, "alice-no-mime@a.test"], on), "alice-no-mime@a.test");
});
