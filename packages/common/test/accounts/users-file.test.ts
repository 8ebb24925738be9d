import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import fc from "fast-check";
import { accountNameFault } from "../../src/accounts/account-name.ts";
import { hashPassword, passwordFault, verifyPassword } from "../../src/accounts/password.ts";
import { parsePassword } from "../../src/accounts/password-format.ts";
import { addUser, listUsers, readUsers, removeUser, setPassword } from "../../src/accounts/users-file.ts";
import { UserError } from "../../src/errors.ts";
import { siteAt } from "../../src/site.ts";

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "users-"));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return site;
}

const withCode = (code: number, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof UserError);
  assert.equal(error.exitCode, code);
  assert.match(error.message, text);
  return true;
};

test("names of a domain's users", () => {
  const long = `${"d".repeat(60)}.`.repeat(3);
  for (const name of ["alice@a.example", "a.b@xn--fiqs8s.example", "x_1@10.in.example", `a@${long}example`])
    assert.equal(accountNameFault(name), undefined, name);
  for (const name of [
    "@a.example",
    "alice@",
    "alice@localhost",
    "alice@A.example",
    "alice@a..example",
    "alice@.a.example",
    "alice@-a.example",
    "alice@a-.example",
    "alice@../etc",
    "alice@a/b.example",
    "alice@中国.example",
    "alice@a.lock",
    "alice.lock@a.example",
    "alice@1.2.3.4",
    "a@b@a.example",
    `alice@${"d".repeat(64)}.example`,
    `${"x".repeat(60)}@${long}example`,
  ]) {
    assert.notEqual(accountNameFault(name), undefined, name);
  }
  assert.match(accountNameFault("li@中国.example")!, /xn--/);
});

test("names", () => {
  for (const name of ["a", "bob.smith", "x_1-2", "0"]) assert.equal(accountNameFault(name), undefined);
  for (const name of [
    "",
    "Bob",
    ".a",
    "-a",
    "a.lock",
    "a/b",
    "a b",
    "a..b",
    "a.",
    "é",
    "x".repeat(65),
    "a\0",
  ]) {
    assert.notEqual(accountNameFault(name), undefined, name);
  }
  fc.assert(
    fc.property(
      fc.string(),
      (s) => accountNameFault(s) !== undefined || /^[a-z0-9_][a-z0-9._-]*(@[a-z0-9.-]+)?$/.test(s),
    ),
  );
});

test("passwords", () => {
  assert.equal(passwordFault("x".repeat(1024)), undefined);
  for (const bad of ["", "x".repeat(1025), "é".repeat(513), "a\nb", "a\0", "a\r"]) {
    assert.notEqual(passwordFault(bad), undefined);
  }
});

test("hashes are argon2id of the least cost that OWASP names, and other parameters verify", async () => {
  const hash = await hashPassword("geheim 密码");
  assert.match(hash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.equal(parsePassword(hash).kind, "hash");
  assert.equal(parsePassword("$6$salt$hash").kind, "unknown");
  assert.equal(await verifyPassword(hash, "geheim 密码"), true);
  assert.equal(await verifyPassword(hash, "geheim"), false);
  assert.equal(await verifyPassword(hash, ""), false);
  assert.equal(await verifyPassword(undefined, "x"), false);
  const { hash: other } = await import("@node-rs/argon2");
  assert.equal(
    await verifyPassword(await other("pw", { memoryCost: 8192, timeCost: 3, algorithm: 1 }), "pw"),
    true,
  );
});

test("add, list, passwd, remove; comments stay; mode 0600", async (t) => {
  const site = fixture(t);
  writeFileSync(site.usersFile, "# our people\n\n", { mode: 0o600 });
  await addUser(site, "bob", "one");
  await addUser(site, "anna", "two");
  assert.deepEqual(listUsers(site), ["anna", "bob"]);
  assert.equal(statSync(site.usersFile).mode & 0o777, 0o600);
  const text = readFileSync(site.usersFile, "utf8");
  assert.match(text, /^# our people\n\nbob:\$argon2id\$.*\nanna:\$argon2id\$.*\n$/);
  assert.doesNotMatch(text, /one|two/);
  await setPassword(site, "bob", "three");
  assert.equal(await verifyPassword(readUsers(site.usersFile).users.get("bob")?.hash, "three"), true);
  await removeUser(site, "bob");
  assert.deepEqual(listUsers(site), ["anna"]);
  assert.deepEqual(readdirSync(site.etcMail), ["users"]);
});

test("refusals say why, with their exit codes", async (t) => {
  const site = fixture(t);
  await addUser(site, "bob", "x");
  await assert.rejects(addUser(site, "bob", "y"), withCode(65, /user bob is there already/));
  await assert.rejects(addUser(site, "Bob", "y"), withCode(64, /lower-case/));
  await assert.rejects(addUser(site, "al", ""), withCode(64, /empty password/));
  await assert.rejects(setPassword(site, "al", "x"), withCode(67, /no user al/));
  await assert.rejects(removeUser(site, "al"), withCode(67, /no user al/));
  chmodSync(site.usersFile, 0o644);
  await assert.rejects(addUser(site, "al", "x"), withCode(77, /mode 0644 .*chmod 600/));
  assert.throws(() => listUsers(site), withCode(77, /mode 0644/));
  rmSync(site.etcMail, { recursive: true });
  await assert.rejects(addUser(site, "al", "x"), withCode(73, /users cannot be/));
});

test("bad lines are faults with their lines; the rest counts", async (t) => {
  const site = fixture(t);
  const hash = await hashPassword("x");
  writeFileSync(site.usersFile, `ok:${hash}\nnocolon\nBad:${hash}\nplain:secret\nok:${hash}\n`, {
    mode: 0o600,
  });
  const read = readUsers(site.usersFile);
  assert.deepEqual([...read.users.keys()], ["ok"]);
  assert.deepEqual(
    read.faults.map((f) => f.line),
    [2, 3, 4, 5],
  );
  assert.match(
    read.faults[2]!.message,
    /users:4: plain: no hash that is read here .*; set it with mailhost user passwd/,
  );
  assert.doesNotMatch(read.faults[2]!.message, /secret/);
});

test("ten changes at once all count", async (t) => {
  const site = fixture(t);
  await Promise.all(Array.from({ length: 10 }, (_, i) => addUser(site, `user${i}`, "pw")));
  assert.equal(listUsers(site).length, 10);
  assert.deepEqual(readdirSync(site.etcMail), ["users"]);
});
