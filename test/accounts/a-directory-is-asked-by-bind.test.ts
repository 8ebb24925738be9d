/**
 * A real slapd stands behind the accounts: who is there, whose password is right, and what happens when it does not answer.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { type AccountsParts, AccountsUnavailable, openAccounts } from "@mailhost/common/accounts/accounts";
import { addUser } from "@mailhost/common/accounts/users-file";
import { ROAMING_OPTIONS } from "@mailhost/common/settings/roaming-options";
import type { LdapSettings } from "@mailhost/common/settings/roaming-settings";
import { siteAt } from "@mailhost/common/site";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import {
  BASE,
  type DirectoryOptions,
  MANAGER,
  MANAGER_PASSWORD,
  person,
  startDirectory,
} from "../harness/directory.ts";
import { needs, runProgram } from "../harness/programs.ts";

const LDAP: LdapSettings = {
  url: "",
  startTls: false,
  caFile: "",
  bindDn: "",
  bindPasswordFile: "",
  base: BASE,
  filter: "(|(uid={user})(mail={user}))",
  nameAttribute: "uid",
  timeout: 10_000,
  remember: 300_000,
};

const PEOPLE = [
  person("alice", "wonder", ["mail: alice.liddell@example.com"]),
  person("bob", "builder"),
  person("twin", "one", ["mail: shared@example.com"]),
  person("twin2", "two", ["mail: shared@example.com"]),
  person("Carol", "upper"),
  `dn: uid=nopass,ou=people,${BASE}\nobjectClass: inetOrgPerson\nuid: nopass\ncn: n\nsn: n`,
  `dn: uid=a/b,ou=people,${BASE}\nobjectClass: inetOrgPerson\nuid: a/b\ncn: n\nsn: n\nuserPassword: slash`,
].join("\n\n");

async function fixture(
  t: TestContext,
  options: Partial<DirectoryOptions> = {},
  given: Partial<LdapSettings> & AccountsParts & { accounts?: readonly ("ldap" | "file" | "system")[] } = {},
) {
  const directory = await startDirectory(t, { entries: PEOPLE, ...options });
  const site = siteAt(join(directory.folder, "root"));
  mkdirSync(site.etcMail, { recursive: true });
  writeFileSync(join(site.root, "etc/passwd"), "");
  const { onFault, clock, lasting, accounts: sources = ["ldap"], ...ldap } = given;
  const faults: string[] = [];
  const open = (more: Partial<LdapSettings> = {}) => {
    const settings = { ...LDAP, url: directory.url, ...ldap, ...more };
    const accounts = openAccounts(
      site,
      { accounts: sources, ldap: settings },
      {
        onFault: onFault ?? ((fault) => faults.push(fault.message)),
        ...(clock === undefined ? {} : { clock }),
        lasting: lasting ?? true,
      },
    );
    t.after(() => accounts.close());
    return accounts;
  };
  return { directory, site, accounts: open(), open, faults };
}

test("names and passwords are the directory's", needs("slapd"), async (t) => {
  const { accounts, faults } = await fixture(t);
  assert.equal(accounts.find("alice"), undefined, "nobody has asked yet");
  assert.deepEqual(await accounts.lookUp("alice"), { name: "alice", source: "ldap" });
  assert.equal(accounts.find("ALICE")?.name, "alice");
  assert.equal((await accounts.lookUp("carol"))?.name, "carol");
  assert.equal((await accounts.verify("Alice", "wonder"))?.name, "alice");
  assert.equal((await accounts.verify("alice.liddell@example.com", "wonder"))?.name, "alice");
  for (const [name, password] of [
    ["alice", "wrong"],
    ["alice", ""],
    ["alice", "wonder\0"],
    ["bob", "wonder"],
    ["nopass", ""],
    ["nopass", "x"],
    ["nobody", "x"],
    ["nobody", ""],
    ["", ""],
    ["*", "wonder"],
    ["al*", "wonder"],
    ["alice)(uid=*", "wonder"],
    ["alice\0", "wonder"],
    ["\\61lice", "wonder"],
    ["x".repeat(5000), "wonder"],
  ] as const)
    assert.equal(await accounts.verify(name, password), undefined, JSON.stringify([name, password]));
  assert.deepEqual(faults, []);
  assert.equal(await accounts.verify("shared@example.com", "one"), undefined);
  assert.equal(await accounts.verify("a/b", "slash"), undefined);
  assert.match(faults.join("\n"), /ldap: "shared@example.com" is more than one entry/);
  assert.match(faults.join("\n"), /uid=a\/b,.*a name has/);
});

test(
  "a changed password and a removed entry count at once, a new name within seconds",
  needs("slapd"),
  async (t) => {
    const clock = new ManualClock();
    const { accounts, directory } = await fixture(t, {}, { clock });
    const dn = `uid=bob,ou=people,${BASE}`;
    assert.equal((await accounts.verify("bob", "builder"))?.name, "bob");
    await directory.modify(`dn: ${dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: rebuilt\n`);
    assert.equal(await accounts.verify("bob", "builder"), undefined);
    assert.equal((await accounts.verify("bob", "rebuilt"))?.name, "bob");
    await directory.modify(`dn: ${dn}\nchangetype: delete\n`);
    assert.equal(await accounts.verify("bob", "rebuilt"), undefined);
    assert.equal(await accounts.lookUp("dora"), undefined);
    await directory.modify(person("dora", "x").replace("\n", "\nchangetype: add\n"));
    assert.equal(await accounts.lookUp("dora"), undefined, "it is remembered that there was nobody");
    await clock.advance(10_001);
    assert.equal((await accounts.lookUp("dora"))?.name, "dora");
  },
);

test("without an answer nobody is unknown; when it is back all is well", needs("slapd"), async (t) => {
  const clock = new ManualClock();
  const { accounts, directory, site, open } = await fixture(t, {}, { clock });
  assert.equal((await accounts.lookUp("alice"))?.name, "alice");
  await directory.stop();
  assert.equal((await accounts.lookUp("alice"))?.name, "alice", "remembered");
  await assert.rejects(accounts.lookUp("bob"), AccountsUnavailable);
  await assert.rejects(accounts.verify("alice", "wonder"), AccountsUnavailable);
  await assert.rejects(accounts.verify("nobody", "x"), AccountsUnavailable);
  await directory.start();
  await assert.rejects(accounts.lookUp("bob"), AccountsUnavailable, "not tried again so soon");
  await clock.advance(30_001);
  assert.equal((await accounts.lookUp("bob"))?.name, "bob");
  assert.equal((await accounts.verify("alice", "wonder"))?.name, "alice");
  // The server closes a connection that was kept: the next question goes over a new one.
  await directory.stop();
  await directory.start();
  assert.equal((await accounts.lookUp("twin"))?.name, "twin");
  void site;
  await assert.rejects(open({ base: "dc=elsewhere" }).lookUp("alice"), AccountsUnavailable);
});

test("a directory that accepts connections and says nothing is given up in time", async (t) => {
  const { createServer } = await import("node:net");
  const silent = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  t.after(() => silent.close());
  const { port } = silent.address() as { port: number };
  const url = `ldap://127.0.0.1:${port}`;
  const settings = { ...LDAP, url, timeout: 300 };
  const accounts = openAccounts(siteAt("/nowhere"), { accounts: ["ldap"], ldap: settings });
  await assert.rejects(accounts.lookUp("alice"), /no answer within 300 ms/);
  await assert.rejects(
    openAccounts(siteAt("/nowhere"), { accounts: ["ldap"], ldap: { ...settings, startTls: true } }).lookUp(
      "a",
    ),
    AccountsUnavailable,
  );
});

test(
  "names are looked up as somebody, whose password is in a file for its owner only",
  needs("slapd"),
  async (t) => {
    const config = [
      `access to dn.subtree="ou=people,${BASE}" attrs=entry,uid,mail by dn.exact="${MANAGER}" read by * none`,
    ];
    const { site, open, accounts } = await fixture(t, { config });
    assert.equal(await accounts.lookUp("alice"), undefined, "nobody may look");
    const bindPasswordFile = "etc/mail/ldap-password";
    const file = join(site.root, bindPasswordFile);
    writeFileSync(file, `${MANAGER_PASSWORD}\n`, { mode: 0o600 });
    const bound = open({ bindDn: MANAGER, bindPasswordFile });
    assert.equal((await bound.verify("alice", "wonder"))?.name, "alice");
    chmodSync(file, 0o644);
    await assert.rejects(open({ bindDn: MANAGER, bindPasswordFile }).lookUp("alice"), /mode 0644.*chmod 600/);
    chmodSync(file, 0o600);
    writeFileSync(file, "wrong\n");
    await assert.rejects(open({ bindDn: MANAGER, bindPasswordFile }).lookUp("alice"), AccountsUnavailable);
  },
);

for (const mode of ["ldaps", "starttls"] as const) {
  test(
    `${mode}: with a certificate that is trusted, and with no other`,
    needs("slapd", "openssl"),
    async (t) => {
      const { mkdtempSync, rmSync } = await import("node:fs");
      const { tmpdir } = await import("node:os");
      const folder = mkdtempSync(join(tmpdir(), "mailhost-ldap-tls-"));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
      const made = await runProgram("openssl", [
        ..."req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(" "),
        ...["-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
      ]);
      assert.equal(made.code, 0, made.stderr);
      const startTls = mode === "starttls";
      const { accounts, open, directory } = await fixture(
        t,
        { tls: { cert, key, mode } },
        { startTls, caFile: cert },
      );
      assert.equal((await accounts.verify("alice", "wonder"))?.name, "alice");
      assert.equal(await accounts.verify("alice", "wrong"), undefined);
      await assert.rejects(open({ caFile: "" }).lookUp("alice"), AccountsUnavailable);
      const otherName = directory.url.replace("localhost", "127.0.0.1");
      await assert.rejects(open({ url: otherName }).lookUp("alice"), AccountsUnavailable);
      if (startTls)
        await assert.rejects(open({ startTls: false }).verify("alice", "wonder"), AccountsUnavailable);
    },
  );
}

test("Active Directory's filter and attribute", needs("slapd"), async (t) => {
  // slapd knows sAMAccountName no more than userAccountControl: other attributes stand for them.
  const disabled = person("gone", "x", ["employeeType: disabled"]);
  const { accounts } = await fixture(
    t,
    { entries: [PEOPLE, disabled].join("\n\n") },
    { filter: "(&(objectClass=inetOrgPerson)(cn={user})(!(employeeType=disabled)))", nameAttribute: "UID" },
  );
  assert.equal((await accounts.verify("alice", "wonder"))?.name, "alice");
  assert.equal(await accounts.verify("gone", "x"), undefined);
});

test("a name that finds an entry is the one whose password is asked", needs("slapd"), async (t) => {
  // Whoever may change the own mail attribute writes another's name into it.
  const mallory = person("mallory", "evil", ["mail: alice"]);
  const { accounts } = await fixture(
    t,
    { entries: [PEOPLE, mallory].join("\n\n") },
    { filter: "(mail={user})" },
  );
  assert.equal((await accounts.verify("alice.liddell@example.com", "wonder"))?.name, "alice");
  assert.equal(await accounts.verify("alice.liddell@example.com", "evil"), undefined);
});

test("accounts of the file come first, and work without the directory", needs("slapd"), async (t) => {
  const { accounts, directory, site } = await fixture(t, {}, { accounts: ["file", "ldap"] });
  await addUser(site, "bob", "ours");
  assert.deepEqual(await accounts.lookUp("bob"), { name: "bob", source: "file" });
  assert.equal((await accounts.verify("bob", "ours"))?.source, "file");
  assert.equal(await accounts.verify("bob", "builder"), undefined);
  assert.equal((await accounts.verify("alice", "wonder"))?.source, "ldap");
  // The directory's Alice by another name, when a mailbox of that name is the file's.
  assert.equal((await accounts.verify("alice.liddell@example.com", "wonder"))?.name, "alice");
  await addUser(site, "alice", "ours");
  assert.equal(await accounts.lookUp("alice.liddell@example.com"), undefined);
  assert.equal(accounts.find("alice.liddell@example.com"), undefined);
  assert.equal(await accounts.verify("alice.liddell@example.com", "wonder"), undefined);
  await directory.stop();
  assert.equal((await accounts.verify("bob", "ours"))?.source, "file");
});

test("settings that can not be used are named", () => {
  for (const [given, fault] of [
    [{ url: "http://x" }, /mailhost.yaml: ldap.url: "http:\/\/x" is neither/],
    [{ filter: "(uid=alice)" }, /ldap.filter: .* has no \{user\}/],
    [{ filter: "uid={user}" }, /round brackets/],
    [{ base: "" }, /ldap.base/],
    [{ url: "ldaps://x", startTls: true }, /encrypted already/],
  ] as const)
    assert.throws(
      () =>
        openAccounts(siteAt("/nowhere"), {
          accounts: ["ldap"],
          ldap: { ...LDAP, url: "ldap://x", ...given },
        }),
      fault,
    );
  const filter = ROAMING_OPTIONS.find(({ path }) => path === "ldap.filter");
  assert.equal(filter?.default(), LDAP.filter);
});
