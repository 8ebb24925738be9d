import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { AccountsUnavailable } from "../../src/accounts/account-errors.ts";
import { servePasswords } from "../../src/accounts/password-helper.ts";
import {
  askPasswordHelper,
  HELPER_LINE_LIMIT,
  hasPasswordHelper,
} from "../../src/accounts/password-helper-client.ts";
import { systemClock } from "../../src/clock.ts";
import { siteAt } from "../../src/site.ts";

const UIDS: Readonly<Record<string, number>> = { wang: 1000, bin: 2 };

async function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "helper-"));
  const site = siteAt(root);
  mkdirSync(site.runDir);
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const faults: string[] = [];
  const asked: string[] = [];
  const server = await servePasswords(site, {
    clock: systemClock,
    passwords: () => ({
      check(name, password) {
        asked.push(name);
        if (password === "away") throw new AccountsUnavailable("PAM: away");
        if (password === "broken") throw new TypeError("hidden");
        return Promise.resolve(password === "right");
      },
    }),
    accountOf: (name) => (UIDS[name] === undefined ? undefined : { name, source: "system", uid: UIDS[name] }),
    blockUid: () => 10,
    onFault: (text) => faults.push(text),
  });
  t.after(() => server.close());
  return { site, faults, asked };
}

test("yes or no, and why it can not be said", async (t) => {
  const { site, faults, asked } = await fixture(t);
  assert.equal(statSync(site.passwordSocket).mode & 0o777, 0o600);
  assert.equal(await hasPasswordHelper(site), true);
  assert.equal(await askPasswordHelper(site, "Wang", "right"), true);
  assert.equal(await askPasswordHelper(site, "wang", "wrong"), false);
  assert.equal(await askPasswordHelper(site, "bin", "right"), false, "a user id that is kept out");
  assert.equal(await askPasswordHelper(site, "nobody", "right"), false, "no account at all");
  assert.deepEqual(asked, ["wang", "wang", "bin", "nobody"], "all are asked about");
  await assert.rejects(askPasswordHelper(site, "wang", "away"), (error: Error) => {
    assert.ok(error instanceof AccountsUnavailable);
    assert.match(error.message, /PAM: away/);
    return true;
  });
  await assert.rejects(askPasswordHelper(site, "wang", "broken"), /a fault; see the log/);
  assert.deepEqual(faults, ["PAM: away", "hidden"]);
  assert.equal(await askPasswordHelper(site, "wang", "\0".repeat(HELPER_LINE_LIMIT)), false);
});

test("without a helper nobody's password is wrong", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "helper-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  assert.equal(await hasPasswordHelper(siteAt(root)), false);
  await assert.rejects(askPasswordHelper(siteAt(root), "wang", "right"), AccountsUnavailable);
});

test("what is no question is hung up on, and others go on", async (t) => {
  const { site } = await fixture(t);
  for (const said of [
    "nonsense\n",
    "{}\n",
    '{"name":1,"password":"x"}\n',
    "null\n",
    "x".repeat(HELPER_LINE_LIMIT + 1),
  ]) {
    const socket = connect(site.passwordSocket);
    socket.on("error", () => undefined);
    socket.resume();
    const closed = once(socket, "close");
    socket.write(said);
    await closed;
  }
  assert.equal(await askPasswordHelper(site, "wang", "right"), true);
});

test("wrong passwords are answered twenty a second at most, right ones at once", async (t) => {
  const { site } = await fixture(t);
  const start = Date.now();
  const wrong = Promise.all(Array.from({ length: 21 }, () => askPasswordHelper(site, "wang", "wrong")));
  await wrong;
  assert.ok(Date.now() - start >= 950, `${Date.now() - start} ms`);
});
