/** The same work is done whoever is named, so that the time of an answer tells nobody who is there. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Account, Accounts } from "@mailhost/common/accounts/accounts";
import type { PopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import { parseSettings } from "@mailhost/common/settings/load";
import type { Admission } from "../../src/auth/admission.ts";
import { judgeDigest, judgePassword } from "../../src/auth/verdict.ts";
import type { Services } from "../../src/services.ts";
import { ENGLISH } from "../../src/texts/english.ts";
import type { Turn } from "../../src/verbs/turn.ts";
import { temporarySite } from "../harness/server.ts";

const PEOPLE: readonly Account[] = [
  { name: "wang", source: "file" },
  { name: "denied", source: "file" },
  { name: "secretless", source: "file" },
];

/** A turn that counts the work that is done in it. */
function countingTurn(t: TestContext) {
  const work = { verified: 0, admission: 0 };
  const find = (name: string) => PEOPLE.find((account) => account.name === name);
  const accounts: Accounts = {
    find,
    verify: (name, password) => {
      work.verified++;
      return Promise.resolve(password === "right" ? find(name) : undefined);
    },
    names: () => [],
  };
  const popauth: PopauthSecrets = {
    state: () => ({ kind: "ready", count: 2 }),
    find: (name) => (name === "wang" || name === "denied" || name === "gone" ? Buffer.from("s") : undefined),
    faults: () => [],
  };
  const admission: Admission = {
    refusal: ({ name }) => {
      work.admission++;
      return name === "denied" ? { kind: "denied", reason: "a file" } : undefined;
    },
  };
  const settings = parseSettings("hostname: mail.test\n", "mailhost.yaml");
  const services = {
    site: temporarySite(t),
    settings: () => settings,
    accounts: () => accounts,
    popauth,
    admission,
    tables: { localHostNames: { file: "", has: () => false, entries: () => [] } },
  } as unknown as Services;
  return { turn: { services, texts: ENGLISH } as unknown as Turn, work };
}

test("a password is verified once for each name, there or not, refused or not", async (t) => {
  const { turn, work } = countingTurn(t);
  for (const [i, user] of ["wang", "denied", "secretless", "nobody", "gone"].entries()) {
    assert.equal((await judgePassword(turn, { user, password: "wrong" })).kind, "wrong");
    assert.equal(work.verified, i + 1, user);
  }
  assert.equal(work.admission, 0, "who may log in is looked at only once the password was right");
  assert.equal((await judgePassword(turn, { user: "denied", password: "right" })).kind, "refused");
  assert.equal((await judgePassword(turn, { user: "secretless", password: "right" })).kind, "right");
  assert.equal((await judgePassword(turn, { user: "wang", password: "right" })).kind, "refused");
});

test("a digest is computed once for each name, with a secret or without", (t) => {
  const { turn, work } = countingTurn(t);
  for (const user of ["wang", "denied", "secretless", "nobody", "gone"]) {
    let computed = 0;
    const proves = () => {
      computed++;
      return false;
    };
    assert.equal(judgeDigest(turn, { user, proves }).kind, "wrong");
    assert.equal(computed, 1, user);
  }
  assert.equal(work.admission, 0);
  const proves = (secret: Buffer | undefined) => secret !== undefined;
  assert.equal(judgeDigest(turn, { user: "wang", proves }).kind, "right");
  assert.equal(judgeDigest(turn, { user: "denied", proves }).kind, "refused");
  assert.equal(judgeDigest(turn, { user: "gone", proves }).kind, "wrong", "a secret without an account");
});
