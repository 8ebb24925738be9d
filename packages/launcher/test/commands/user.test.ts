import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { changePopauth } from "@mailhost/common/accounts/popauth-file";
import { openPopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import { siteAt } from "@mailhost/common/site";
import { run } from "../../src/main.ts";
import { recordedTerminal } from "../fixtures/recorded-terminal.ts";

test("mailhost user adds, lists, changes and removes; the password is never in the file", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-user-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  const user = async (...args: string[]) => {
    const terminal = recordedTerminal("open sesame");
    const code = await run(["user", ...args, "--root", root], terminal);
    return { code, out: terminal.outLines.join("\n"), err: terminal.errLines.join("\n") };
  };
  assert.equal((await user("list")).out, "");
  assert.equal((await user("add", "bob")).code, 0);
  assert.equal((await user("add", "alice")).code, 0);
  const text = readFileSync(site.usersFile, "utf8");
  assert.match(text, /^bob:\$argon2id\$/);
  assert.doesNotMatch(text, /sesame/);
  assert.equal((await user("list")).out, "alice\nbob");
  assert.deepEqual(JSON.parse((await user("list", "--json")).out), ["alice", "bob"]);

  const again = await user("add", "bob");
  assert.equal(again.code, 65);
  assert.match(again.err, /^mailhost: user bob is there already/);
  assert.equal((await user("add", "../bob")).code, 64);
  assert.equal((await user("passwd", "carol")).code, 67);

  assert.equal((await user("passwd", "bob")).code, 0);
  assert.notEqual(readFileSync(site.usersFile, "utf8"), text);
  const secret = Buffer.from("geheim");
  await changePopauth(site, () => new Map([["bob", secret] as const, ["alice", secret] as const]), {
    create: true,
  });
  assert.match((await user("remove", "bob")).out, /^removed bob; the mailbox .*var\/spool\/mail\/bob stays/);
  assert.equal((await user("list")).out, "alice");
  const secrets = openPopauthSecrets(site);
  assert.equal(secrets.find("bob"), undefined, "whoever is called bob next is not let in by the old secret");
  assert.deepEqual(secrets.find("alice"), secret);
});
