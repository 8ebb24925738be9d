/** What is remembered of right passwords, and for how long. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { openAccounts } from "../../src/accounts/accounts.ts";
import { addUser, removeUser, setPassword } from "../../src/accounts/users-file.ts";
import { VerifiedPasswords } from "../../src/accounts/verified-passwords.ts";
import { siteAt } from "../../src/site.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

const WANG = { name: "wang", hash: "$argon2id$1", password: "right" };

test("a right password is known for ten minutes behind its last use", async () => {
  const clock = new ManualClock();
  const verified = new VerifiedPasswords(clock);
  assert.equal(verified.has(WANG), false);
  verified.add(WANG);
  for (let i = 0; i < 3; i++) {
    await clock.advance(599_999);
    assert.equal(verified.has(WANG), true);
  }
  await clock.advance(600_000);
  assert.equal(verified.has(WANG), false);
});

test("another password, hash or name is another matter, however the parts are cut", () => {
  const verified = new VerifiedPasswords(new ManualClock());
  verified.add(WANG);
  for (const other of [
    { ...WANG, password: "wrong" },
    { ...WANG, hash: "$argon2id$2" },
    { ...WANG, name: "li" },
    { name: "wan", hash: "g$argon2id$1", password: "right" },
    { name: 'wang","$argon2id$1', hash: "right", password: "" },
  ]) {
    assert.equal(verified.has(other), false, JSON.stringify(other));
  }
});

test("the number remembered is bounded: the one unused for longest goes first", () => {
  const verified = new VerifiedPasswords(new ManualClock());
  const nth = (i: number) => ({ ...WANG, name: `u${i}` });
  for (let i = 0; i < 20_000; i++) verified.add(nth(i));
  assert.equal(verified.has(nth(0)), true);
  verified.add(nth(20_000));
  assert.equal(verified.has(nth(0)), true);
  assert.equal(verified.has(nth(1)), false);
  assert.equal(verified.has(nth(2)), true);
});

test("a new password and a removed account count at once", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "accounts-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  await addUser(site, "bob", "old");
  const accounts = openAccounts(site, { accounts: ["file"] }, { clock: new ManualClock() });
  for (const _ of [1, 2]) assert.equal((await accounts.verify("bob", "old"))?.name, "bob");
  assert.equal(await accounts.verify("bob", "new"), undefined);
  await setPassword(site, "bob", "new");
  assert.equal(await accounts.verify("bob", "old"), undefined);
  for (const _ of [1, 2]) assert.equal((await accounts.verify("bob", "new"))?.name, "bob");
  await removeUser(site, "bob");
  assert.equal(await accounts.verify("bob", "new"), undefined);
});
