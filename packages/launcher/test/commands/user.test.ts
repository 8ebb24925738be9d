import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { changePopauth } from "@mailhost/common/accounts/popauth-file";
import { openPopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { lockSession } from "@mailhost/common/mbox/session-lock";
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
  assert.equal((await user("remove", "bob")).out, "removed bob; there is no mail of it");
  assert.equal((await user("list")).out, "alice");
  const secrets = openPopauthSecrets(site);
  assert.equal(secrets.find("bob"), undefined, "whoever is called bob next is not let in by the old secret");
  assert.deepEqual(secrets.find("alice"), secret);
});

test("the mail of an account that is removed stays, is named, and goes when that is asked for", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-user-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  mkdirSync(site.spoolDir, { recursive: true });
  const user = async (...args: string[]) => {
    const terminal = recordedTerminal("open sesame");
    const code = await run(["user", ...args, "--root", root], terminal);
    return { code, out: terminal.outLines.join("\n"), err: terminal.errLines.join("\n") };
  };
  await user("add", "bob");
  const mbox = join(site.spoolDir, "bob");
  const folder = join(site.stateDir, "removed/bob");
  const fill = () => {
    writeFileSync(mbox, "From a@example.net Tue Nov 24 21:00:00 2026\nSubject: one\n\ntext\n\n");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "2026-11-24T210000.000Z.mbox"), "");
  };
  fill();
  const { code, out } = await user("remove", "bob");
  assert.equal(code, 0);
  assert.equal(
    out,
    [
      "removed bob; its mail stays, and whoever gets the name next has it:",
      `  ${mbox}, 64 octets, until somebody removes it`,
      `  ${folder}, what QUIT removed: each of 1 file until pop3.keepRemoved is over`,
      "mailhost user remove bob --purge removes it now",
    ].join("\n"),
  );
  assert.ok(existsSync(mbox) && existsSync(folder));
  assert.equal((await user("remove", "bob")).code, 67);
  assert.equal((await user("remove", "../bob", "--purge")).code, 64);
  const session = await lockSession(mailboxPaths(site, "bob"));
  const busy = await user("remove", "bob", "--purge");
  assert.equal(busy.code, 75);
  assert.match(busy.err, /has a POP3 session; .* its mail is not: give the command again/);
  await session!.release();
  const gone = () => [mbox, folder, `${mbox}.lock`].filter((path) => existsSync(path));
  assert.equal(
    (await user("remove", "bob", "--purge")).out,
    "removed bob with its mailbox (64 octets) and what QUIT removed",
  );
  assert.deepEqual(gone(), []);
  await user("add", "bob");
  fill();
  // Of the system too: what goes is the password.
  writeFileSync(join(root, "etc/passwd"), "bob:x:1000:1000::/home/bob:/bin/sh\n");
  const stays = await user("remove", "bob", "--purge");
  assert.equal(stays.code, 64);
  assert.match(stays.err, /bob is an account of the system or a directory: its mail stays/);
  assert.equal((await user("list")).out, "");
  assert.ok(existsSync(mbox) && existsSync(folder));
  rmSync(join(root, "etc/passwd"));
  await user("add", "bob");
  assert.equal((await user("remove", "bob", "--purge")).code, 0);
  assert.deepEqual(gone(), []);
  assert.equal((await user("list")).out, "");
});
