/** The same work is done whoever is named, so that the time of an answer tells nobody who is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Account, Accounts } from "../../src/accounts/accounts.ts";
import type { PopauthSecrets } from "../../src/accounts/popauth-secrets.ts";
import type { Admission } from "../../src/login/admission.ts";
import { judgeDigest, judgePassword, type LoginParts } from "../../src/login/judge.ts";
import { parseSettings } from "../../src/settings/load.ts";

const PEOPLE: readonly Account[] = [
  { name: "wang", source: "file" },
  { name: "denied", source: "file" },
  { name: "secretless", source: "file" },
  { name: "shut", source: "system", shell: "/usr/sbin/nologin" },
  { name: "over", source: "file", expired: true },
];

/** Parts that count the work that is done with them. */
function countingParts() {
  const work = { verified: 0, admission: 0 };
  const find = (name: string) => PEOPLE.find((account) => account.name === name);
  const accounts: Accounts = {
    find,
    lookUp: (name) => Promise.resolve(find(name)),
    verify: (name, password) => {
      work.verified++;
      return Promise.resolve(password === "right" ? find(name) : undefined);
    },
    names: () => [],
    hasDomain: () => false,
  };
  const popauth: PopauthSecrets = {
    state: () => ({ kind: "ready", count: 2 }),
    find: (name) =>
      ["wang", "denied", "gone", "shut", "over"].includes(name) ? Buffer.from("s") : undefined,
    faults: () => [],
  };
  const admission: Admission = {
    refusal: ({ name }) => {
      work.admission++;
      return name === "denied" ? { kind: "denied", reason: "a file" } : undefined;
    },
  };
  const settings = parseSettings("hostname: mail.test\n", "mailhost.yaml");
  const parts: LoginParts = {
    settings: () => settings,
    accounts: () => accounts,
    popauth,
    admission,
    tables: { localHostNames: { has: () => false } },
    secretsBarPasswords: () => true,
  };
  return { parts, work };
}

test("a password is verified once for each name, there or not, refused or not", async () => {
  const { parts, work } = countingParts();
  for (const [i, user] of ["wang", "denied", "secretless", "nobody", "gone"].entries()) {
    assert.equal((await judgePassword(parts, { user, password: "wrong" })).kind, "wrong");
    assert.equal(work.verified, i + 1, user);
  }
  assert.equal(work.admission, 0, "who may log in is looked at only once the password was right");
  assert.equal((await judgePassword(parts, { user: "denied", password: "right" })).kind, "refused");
  assert.equal((await judgePassword(parts, { user: "secretless", password: "right" })).kind, "right");
  assert.equal((await judgePassword(parts, { user: "wang", password: "right" })).kind, "refused");
});

test("a digest is computed once for each name, with a secret or without", async () => {
  const { parts, work } = countingParts();
  for (const user of ["wang", "denied", "secretless", "nobody", "gone"]) {
    let computed = 0;
    const proves = () => {
      computed++;
      return false;
    };
    assert.equal((await judgeDigest(parts, { user, proves })).kind, "wrong");
    assert.equal(computed, 1, user);
  }
  assert.equal(work.admission, 0);
  const proves = (secret: Buffer | undefined) => secret !== undefined;
  assert.equal((await judgeDigest(parts, { user: "wang", proves })).kind, "right");
  assert.equal((await judgeDigest(parts, { user: "denied", proves })).kind, "refused");
  assert.equal(
    (await judgeDigest(parts, { user: "gone", proves })).kind,
    "wrong",
    "a secret without an account",
  );
  assert.equal((await judgeDigest(parts, { user: "shut", proves })).kind, "wrong", "no login shell");
  assert.equal((await judgeDigest(parts, { user: "over", proves })).kind, "wrong", "expired");
});
