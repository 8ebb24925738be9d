import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openAccounts } from "@mailhost/common/accounts/accounts";
import { planImport } from "@mailhost/common/accounts/users-import";
import { siteAt } from "@mailhost/common/site";
import { run } from "../../src/main.ts";
import { recordedTerminal } from "../fixtures/recorded-terminal.ts";

/** Of the password `x`. */
const MD5 = "$1$abcdefgh$znAnv9M.XU2pRYfmSs46h/";

const LINES = [
  `root:${MD5}:19000:0:99999:7:::`,
  "daemon:*:19000:0:99999:7:::",
  "shut:!$1$abcdefgh$x:19000:0:99999:7:::",
  `Anna:${MD5}:19000:0:99999:7::30000:`,
  "# a comment",
  "",
  `bob:{CRYPT}${MD5}:1000:1000::/home/bob::userdb_x=1`,
  "cid:{PLAIN}in clear:1:2::/h::",
  "dan:{SSHA}abc",
  `anna:${MD5}`,
  `b/d:${MD5}`,
  "eve:x:1000:1000::/home/eve:/bin/sh",
  "nonsense",
];

test("mailhost user import takes over hashes, and says what it leaves and why", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-import-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  const file = join(root, "shadow");
  writeFileSync(file, LINES.join("\n"));
  const imports = async (...args: string[]) => {
    const terminal = recordedTerminal("");
    const code = await run(["user", "import", file, ...args, "--root", root], terminal);
    return { code, out: terminal.outLines.join("\n"), err: terminal.errLines.join("\n") };
  };
  const dry = await imports("--dry-run");
  assert.equal(dry.code, 0);
  assert.match(
    dry.out,
    /would take anna\nwould take bob\nwould take cid\nwould take 3 accounts, left 8 lines/,
  );
  assert.equal(existsSync(site.usersFile), false);
  assert.doesNotMatch(dry.out + dry.err, /in clear|\$1\$/);

  const { code, out, err } = await imports();
  assert.equal(code, 0);
  assert.match(out, /^took anna\ntook bob\ntook cid\ntook 3 accounts, left 8 lines$/);
  for (const line of [
    /shadow:1: left: root: the machine's password is not for mail/,
    /shadow:2: left: daemon: locked/,
    /shadow:3: left: shut: locked/,
    /shadow:9: left: dan: the scheme \{SSHA\} is not read here/,
    /shadow:10: left: anna: is there already/,
    /shadow:11: left: "b\/d": a name has/,
    /shadow:12: left: eve: its hash is elsewhere/,
    /shadow:13: left: nonsense: no line of name:hash/,
  ])
    assert.match(err, line);
  assert.doesNotMatch(readFileSync(site.usersFile, "utf8"), /in clear/);
  assert.match(
    readFileSync(site.usersFile, "utf8"),
    /^anna:\$1\$.*:19000:0:99999:7::30000:\nbob:\$1\$[^:]*\ncid:\$argon2id/,
  );
  const accounts = openAccounts(site, { accounts: ["file"] });
  assert.deepEqual(accounts.faults(), []);
  for (const [name, password] of [
    ["anna", "x"],
    ["bob", "x"],
    ["cid", "in clear"],
  ] as const)
    assert.equal((await accounts.verify(name, password))?.name, name);

  const again = await imports("--json");
  assert.equal(again.code, 65);
  const said = JSON.parse(again.out) as { taken: string[]; left: { line: number; reason: string }[] };
  assert.deepEqual(said.taken, []);
  assert.equal(said.left.find(({ line }) => line === 4)?.reason, "is there already");
  const missing = recordedTerminal("");
  assert.equal(await run(["user", "import", join(root, "none"), "--root", root], missing), 66);
});

test("no account is taken whose mailbox and another's folder would have one name", () => {
  const lines = ["a.example", "bob@b.example", "alice@a.example", "b.example", "carol@c.example"];
  const plan = planImport(
    lines.map((name) => `${name}:{PLAIN}open sesame`).join("\n"),
    new Set(["x@d.example"]),
  );
  assert.deepEqual(
    plan.left.map(({ name, reason }) => `${name}: ${reason}`),
    [
      "alice@a.example: an account is called as its domain is",
      "b.example: is a domain with users of its own",
    ],
  );
  assert.deepEqual(planImport("d.example:{PLAIN}open sesame", new Set(["x@d.example"])).taken, []);
});
