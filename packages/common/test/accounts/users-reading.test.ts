import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { openAccounts } from "../../src/accounts/accounts.ts";
import { setPassword } from "../../src/accounts/users-file.ts";
import { readUsers } from "../../src/accounts/users-reading.ts";
import { siteAt } from "../../src/site.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

/** Of the password `x`. */
const MD5 = "$1$abcdefgh$znAnv9M.XU2pRYfmSs46h/";
const DAY = 86_400_000;

function fixture(t: TestContext, lines: readonly string[]) {
  const root = mkdtempSync(join(tmpdir(), "users-reading-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  writeFileSync(site.usersFile, `${lines.join("\n")}\n`, { mode: 0o600 });
  return site;
}

test("lines of shadow, of a Dovecot passwd-file and of our own stand side by side", async (t) => {
  const site = fixture(t, [
    `ann:${MD5}:19000:0:99999:7:::`,
    `bob:{MD5-CRYPT}${MD5}:1000:1000:Bob:/home/bob:/bin/sh:userdb_quota=1`,
    `cid:${MD5}`,
    "dan:!:19000:0:99999:7:::",
    `eve:${MD5}:::::: nologin`,
    `fay:{PLAIN}hidden`,
    `gus:$y$broken`,
  ]);
  const read = readUsers(site.usersFile);
  assert.deepEqual([...read.users.keys()], ["ann", "bob", "cid", "dan", "eve"]);
  assert.deepEqual(
    read.faults.map(({ line }) => line),
    [6, 7],
  );
  assert.doesNotMatch(read.faults.map(String).join(), /hidden/);
  const accounts = openAccounts(site, { accounts: ["file"] });
  for (const name of ["ann", "bob", "cid"]) assert.equal((await accounts.verify(name, "x"))?.name, name);
  // A locked account gets mail, and nobody in.
  for (const name of ["dan", "eve"]) {
    assert.equal(accounts.find(name)?.name, name);
    assert.equal(await accounts.verify(name, "x"), undefined);
  }
});

test("an account or a password that has expired lets nobody in", async (t) => {
  const site = fixture(t, [
    `end:${MD5}:19000:0:99999:7::19010:`,
    `old:${MD5}:19000:0:30:7:5::`,
    `new:${MD5}:0:0:99999:7:::`,
  ]);
  const clock = new ManualClock(19_005 * DAY);
  const accounts = openAccounts(site, { accounts: ["file"] }, { clock });
  const works = async (name: string) => (await accounts.verify(name, "x")) !== undefined;
  assert.deepEqual([await works("end"), await works("old"), await works("new")], [true, true, false]);
  await clock.advance(5 * DAY);
  assert.deepEqual([await works("end"), await works("old")], [false, true]);
  // Mail comes in; secrets of APOP and CRAM-MD5 are no way around it.
  assert.deepEqual(
    [accounts.find("end"), accounts.find("old")],
    [
      { name: "end", source: "file", expired: true },
      { name: "old", source: "file" },
    ],
  );
  await clock.advance(26 * DAY);
  assert.equal(await works("old"), false);
});

test("a new password in a line of shadow leaves its other fields, and is as old as today", async (t) => {
  const site = fixture(t, [`end:${MD5}:100:0:99999:7::30000:`, `dot:{CRYPT}${MD5}:1:2:G:/h:/s:x=y`]);
  await setPassword(site, "end", "neu");
  await setPassword(site, "dot", "neu");
  const today = Math.floor(Date.now() / DAY);
  const [shadow, dovecot] = readFileSync(site.usersFile, "utf8").split("\n");
  assert.match(shadow!, new RegExp(`^end:\\$argon2id\\$[^:]+:(${today}|${today + 1}):0:99999:7::30000:$`));
  assert.match(dovecot!, /^dot:\$argon2id\$[^:]+:1:2:G:\/h:\/s:x=y$/);
  const accounts = openAccounts(site, { accounts: ["file"] });
  assert.equal((await accounts.verify("end", "neu"))?.name, "end");
  assert.equal(await accounts.verify("end", "x"), undefined);
});

test("a password is hashed as SASLprep makes it", async (t) => {
  const site = fixture(t, [`ann:${MD5}`]);
  await setPassword(site, "ann", "a\u00a0b\u2168");
  const accounts = openAccounts(site, { accounts: ["file"] });
  assert.equal((await accounts.verify("ann", "a bIX"))?.name, "ann");
  assert.equal(await accounts.verify("ann", "x"), undefined, "a changed password counts at once");
});
