/**
 * Passwords that mkpasswd (crypt(3) of the C library), openssl and htpasswd have hashed just now let their owners in.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { openAccounts } from "@mailhost/common/accounts/accounts";
import { siteAt } from "@mailhost/common/site";
import { needs, runProgram } from "../harness/programs.ts";

const PASSWORDS = ["geheim", "pässwörd 密码", "x".repeat(60)];

async function made(command: string, args: readonly string[], password: string): Promise<string> {
  const ran = await runProgram(command, args, { input: `${password}\n` });
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout.trim();
}

test("every kind of hash, with the very program's", needs("mkpasswd", "htpasswd", "openssl"), async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-hashes-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  const lines: string[] = [];
  const owners: [string, string][] = [];
  for (const password of PASSWORDS) {
    const hashes = [
      ...(await Promise.all(
        ["md5crypt", "sha256crypt", "sha512crypt", "yescrypt"].map((method) =>
          made("mkpasswd", ["--stdin", "-m", method], password),
        ),
      )),
      await made("mkpasswd", ["--stdin", "-m", "bcrypt", "-R", "5"], password),
      await made("mkpasswd", ["--stdin", "-m", "yescrypt", "-R", "1"], password),
      await made("openssl", ["passwd", "-6", "-stdin"], password),
      (await made("htpasswd", ["-niB", "u"], password)).slice(2),
      (await made("htpasswd", ["-nim", "u"], password)).slice(2),
    ];
    for (const hash of hashes) {
      const name = `user${lines.length}`;
      lines.push(`${name}:${hash}`);
      owners.push([name, password]);
    }
  }
  writeFileSync(site.usersFile, `${lines.join("\n")}\n`, { mode: 0o600 });
  const accounts = openAccounts(site, { accounts: ["file"] });
  assert.deepEqual(accounts.faults(), []);
  await Promise.all(
    owners.map(async ([name, password], at) => {
      assert.equal((await accounts.verify(name, password))?.name, name, lines[at]);
      assert.equal(await accounts.verify(name, `${password.slice(1)}!`), undefined, lines[at]);
    }),
  );
});
