/** The options of one user, in the home and in the spool. */
import assert from "node:assert/strict";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Account } from "@mailhost/common/accounts/accounts";
import { parseSettings } from "@mailhost/common/settings/load";
import { ownOptions } from "../../src/options/own-options.ts";
import { memoryLog, temporarySite } from "../harness/server.ts";

/** A user whose home is below the site, and what his session would have. */
function user(t: TestContext, settings: string) {
  const site = temporarySite(t);
  const home = join(site.root, "home/wang");
  mkdirSync(home, { recursive: true });
  const logged: string[] = [];
  const uid = statSync(home).uid;
  const account: Account = { name: "wang", source: "system", uid, gid: 0, home };
  const { pop3 } = parseSettings(settings, "f");
  return {
    site,
    logged,
    own: join(home, ".qpopper-options"),
    spool: join(site.spoolDir, ".wang.qpopper-options"),
    options: (as: Partial<Account> = {}) =>
      ownOptions(pop3, { site, log: memoryLog(logged), account: { ...account, ...as } }),
    pop3,
  };
}

const BOTH = "pop3: { userOptions: true, spoolOptions: true, timeout: 2m }";

test("the user's, then the administrator's for him", async (t) => {
  const { own, spool, options, logged, pop3 } = user(t, BOTH);
  assert.equal(await options(), pop3);
  writeFileSync(own, "set timeout = 30\nreset statistics\nset max-bulletins = 7\nset update-on-abort\n");
  writeFileSync(spool, "set statistics\nset bulldir = /var/bulls\n");
  const got = await options();
  assert.equal(got.timeout, 30_000);
  assert.equal(got.stats, true);
  assert.equal(got.updateOnAbort, true);
  assert.equal("bulletins" in got, false, "bulletins are the whole site's");
  assert.deepEqual(logged, []);
});

test("neither is read where the settings do not say so, nor for accounts without home or owner", async (t) => {
  const off = user(t, "");
  writeFileSync(off.own, "set timing\n");
  writeFileSync(off.spool, "set timing\n");
  assert.equal(await off.options(), off.pop3);
  const on = user(t, BOTH);
  writeFileSync(on.own, "set timing\n");
  const { home: _, uid: __, ...bare } = { home: undefined, uid: undefined, name: "wang" };
  assert.equal((await on.options({ ...bare, home: "" })).timing, false);
});

test("what is wrong is told in the log, and what stood before it holds", async (t) => {
  const { own, options, logged } = user(t, BOTH);
  writeFileSync(own, "set timing\nset tracefile = /etc/passwd\nset statistics = no\n");
  assert.equal((await options()).timing, true);
  assert.deepEqual(logged, [
    `warn Unable to process user options file for user wang: ${own}:2: tracefile: users may not set this; the administrator can, in the options of the spool or of the server`,
  ]);
});

test("a user's silence has an end", async (t) => {
  const { own, options } = user(t, BOTH);
  writeFileSync(own, "set timeout = 604800\n");
  assert.equal((await options()).timeout, 3_600_000);
});

test("files that could be others' do not count", async (t) => {
  const { site, own, spool, options, logged, pop3 } = user(t, BOTH);
  const secret = join(site.root, "secret");
  writeFileSync(secret, "set timing\nroot:password\n");
  const cases: readonly (readonly [string, () => void, RegExp])[] = [
    ["a link", () => symlinkSync(secret, own), /it is a link$/],
    ["a second name", () => linkSync(secret, own), /it has another name elsewhere$/],
    [
      "writable for others",
      () => {
        writeFileSync(own, "set timing\n");
        chmodSync(own, 0o666);
      },
      /others may write it/,
    ],
    ["a folder", () => mkdirSync(own), /it is no plain file$/],
    [
      "large",
      () => writeFileSync(own, `set timing\n${"#".repeat(20_000)}`),
      /it is larger than 16384 octets$/,
    ],
  ];
  for (const [what, make, reason] of cases) {
    logged.length = 0;
    make();
    assert.equal(await options(), pop3, what);
    assert.equal(logged.length, 1, what);
    assert.match(logged[0]!, reason, what);
    assert.ok(!logged[0]!.includes("password"), what);
    rmSync(own, { recursive: true });
  }
  logged.length = 0;
  writeFileSync(own, "set timing\n");
  assert.equal(await options({ uid: 4_000_000 }), pop3);
  assert.match(logged[0]!, /it belongs to user id \d+$/);
  renameSync(own, spool);
  assert.equal((await options()).timing, true);
});
