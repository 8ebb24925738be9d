import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { openAccounts } from "../../src/accounts/accounts.ts";
import { parsePasswd } from "../../src/accounts/passwd-file.ts";
import { addUser, removeUser } from "../../src/accounts/users-file.ts";
import { siteAt } from "../../src/site.ts";

const PASSWD =
  "root:x:0:0:root:/root:/bin/bash\nAnna:x:1000:1001:Anna,,,:/home/anna:/bin/sh\nbroken\n+::::::\n";

async function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "accounts-"));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  writeFileSync(join(root, "etc/passwd"), PASSWD);
  t.after(() => rmSync(root, { recursive: true, force: true }));
  await addUser(site, "bob", "geheim");
  return { root, site };
}

test("passwd(5) lines", () => {
  const accounts = parsePasswd(PASSWD);
  assert.deepEqual([...accounts.keys()], ["root", "anna"]);
  assert.deepEqual(accounts.get("anna"), {
    name: "anna",
    source: "system",
    uid: 1000,
    gid: 1001,
    home: "/home/anna",
    shell: "/bin/sh",
  });
});

test("both sources, without regard to case", async (t) => {
  const { site } = await fixture(t);
  const accounts = openAccounts(site, { accounts: ["file", "system"] });
  assert.deepEqual(accounts.find("BOB"), { name: "bob", source: "file" });
  assert.equal(accounts.find("Anna")?.uid, 1000);
  assert.equal(accounts.find("nobody-here"), undefined);
  assert.deepEqual(accounts.names().sort(), ["anna", "bob", "root"]);
  assert.equal(openAccounts(site, { accounts: ["file"] }).find("anna"), undefined);
  assert.equal(openAccounts(site, { accounts: ["system"] }).find("bob"), undefined);
});

test("a name in both sources keeps the system's uid and home", async (t) => {
  const { site } = await fixture(t);
  await addUser(site, "anna", "pw");
  const accounts = openAccounts(site, { accounts: ["file", "system"] });
  assert.deepEqual(accounts.find("anna"), {
    name: "anna",
    source: "file",
    uid: 1000,
    gid: 1001,
    home: "/home/anna",
    shell: "/bin/sh",
  });
  assert.equal((await accounts.verify("Anna", "pw"))?.name, "anna");
});

test("verify: the right password of an account of ours, nothing else", async (t) => {
  const { site } = await fixture(t);
  const accounts = openAccounts(site, { accounts: ["file", "system"] });
  assert.equal((await accounts.verify("bob", "geheim"))?.name, "bob");
  assert.equal((await accounts.verify("BOB", "geheim"))?.name, "bob");
  for (const [name, password] of [
    ["bob", "falsch"],
    ["bob", ""],
    ["bob", "x".repeat(5000)],
    ["bob", "geheim\0"],
    ["anna", "x"],
    ["nobody-here", "geheim"],
    ["", ""],
    ["__proto__", "x"],
  ] as const) {
    assert.equal(await accounts.verify(name, password), undefined, `${name} ${password.slice(0, 10)}`);
  }
});

test("unknown names cost what known ones do", async (t) => {
  const { site } = await fixture(t);
  const accounts = openAccounts(site, { accounts: ["file", "system"] });
  const cost = async (name: string) => {
    const start = process.hrtime.bigint();
    await accounts.verify(name, "falsch");
    return Number(process.hrtime.bigint() - start);
  };
  await cost("bob");
  // By turns: what else the machine does falls on both alike.
  const [known, unknown]: [number[], number[]] = [[], []];
  for (let i = 0; i < 10; i++) {
    known.push(await cost("bob"));
    unknown.push(await cost("nobody-here"));
  }
  const [a, b] = [Math.min(...known), Math.min(...unknown)];
  assert.ok(b > a / 5 && b < a * 5, `${a} ns against ${b} ns`);
});

test("a changed file is seen at the next access", async (t) => {
  const { root, site } = await fixture(t);
  const accounts = openAccounts(site, { accounts: ["file", "system"] });
  assert.equal(accounts.find("carl"), undefined);
  await addUser(site, "carl", "pw");
  assert.equal(accounts.find("carl")?.source, "file");
  await removeUser(site, "carl");
  assert.equal(accounts.find("carl"), undefined);
  writeFileSync(join(root, "etc/passwd"), "dora:x:7:8::/home/dora:/bin/sh\n");
  assert.equal(accounts.find("dora")?.gid, 8);
  assert.equal(accounts.find("anna"), undefined);
});

test("a file that others can read is refused at the start; later, the last good one stays", async (t) => {
  const { site } = await fixture(t);
  const faults: string[] = [];
  const accounts = openAccounts(
    site,
    { accounts: ["file"] },
    { onFault: (fault) => faults.push(fault.message) },
  );
  assert.notEqual(accounts.find("bob"), undefined);
  chmodSync(site.usersFile, 0o640);
  utimesSync(site.usersFile, 1, 1);
  for (let i = 0; i < 3; i++) assert.notEqual(accounts.find("bob"), undefined);
  assert.equal(faults.length, 1);
  assert.match(faults[0]!, /users: mode 0640 lets others at the hashes; chmod 600 it/);
  assert.equal(accounts.faults().length, 1);
  assert.throws(() => openAccounts(site, { accounts: ["file"] }), /mode 0640/);
  chmodSync(site.usersFile, 0o600);
  assert.notEqual(accounts.find("bob"), undefined);
  assert.deepEqual(accounts.faults(), []);
});
