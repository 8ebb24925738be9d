/** The database of APOP and CRAM-MD5 secrets: its text, its file, what is in force. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { changePopauth, readPopauth } from "../../src/accounts/popauth-file.ts";
import {
  formatPopauth,
  parsePopauth,
  popauthNameFault,
  type Secrets,
} from "../../src/accounts/popauth-format.ts";
import { openPopauthSecrets } from "../../src/accounts/popauth-secrets.ts";
import { UserError } from "../../src/errors.ts";
import { siteAt } from "../../src/site.ts";

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "popauth-"));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return site;
}

const secretsOf = (entries: Readonly<Record<string, string>>): Secrets =>
  new Map(Object.entries(entries).map(([name, secret]) => [name, Buffer.from(secret)]));
const withSecret = (name: string, secret: string) => (before: Secrets) =>
  new Map([...before, [name, Buffer.from(secret)] as const]);
const shown = (secrets: Secrets) => Object.fromEntries([...secrets].map(([n, s]) => [n, s.toString()]));

const names = fc.stringMatching(/^[a-z0-9_][a-z0-9._-]{0,20}$/);
const octets = fc
  .uint8Array({ minLength: 1, maxLength: 40 })
  .map((a) => Buffer.from(a.map((o) => (o < 32 || o === 127 ? 65 : o))));

test("what is written is read again, in any order, and shows no secret", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(names, octets), { selector: ([name]) => name }), (entries) => {
      const secrets = new Map(entries);
      const read = parsePopauth(Buffer.from(formatPopauth(secrets)));
      assert.ok(read.ok);
      assert.deepEqual(Object.fromEntries(read.secrets), Object.fromEntries(secrets));
      assert.equal(formatPopauth(new Map([...entries].reverse())), formatPopauth(secrets));
    }),
  );
  assert.doesNotMatch(formatPopauth(secretsOf({ wang: "geheim" })), /geheim|Z2VoZWlt/);
});

test("a database that lost an octet, or had one changed, is damaged; no shorter one is taken for a whole", () => {
  const text = Buffer.from(formatPopauth(secretsOf({ wang: "one", chen: "two", zhao: "three" })));
  for (let at = 0; at < text.length; at++) {
    assert.equal(parsePopauth(text.subarray(0, at)).ok, false, `cut at ${at}`);
    const changed = Buffer.from(text);
    changed[at]! ^= 1;
    assert.equal(parsePopauth(changed).ok, false, `changed at ${at}`);
    const without = Buffer.concat([text.subarray(0, at), text.subarray(at + 1)]);
    assert.equal(parsePopauth(without).ok, false, `without ${at}`);
  }
  fc.assert(fc.property(fc.uint8Array(), (data) => !parsePopauth(Buffer.from(data)).ok));
});

test("Qpopper's own files are told apart", () => {
  const gdbm = Buffer.alloc(64);
  gdbm.writeUInt32LE(0x13579acf, 0);
  const berkeley = Buffer.alloc(64);
  berkeley.writeUInt32BE(0x061561, 12);
  for (const [data, kind] of [
    [gdbm, /gdbm file.*--import/],
    [berkeley, /Berkeley DB file.*--import/],
  ] as const) {
    const read = parsePopauth(data);
    assert.ok(!read.ok);
    assert.match(read.reason, kind);
  }
});

test("names", () => {
  for (const name of ["wang", "a.b-c_d", "0", "王"]) assert.equal(popauthNameFault(name), undefined, name);
  for (const name of ["", "a b", "a:b", "a/b", "Wang", "-a", "#a", "a\0", "a\n", "x".repeat(241)]) {
    assert.notEqual(popauthNameFault(name), undefined, name);
  }
});

test("the file is made with mode 0600, changed, and left alone when nothing changes", async (t) => {
  const site = fixture(t);
  await assert.rejects(
    changePopauth(site, (s) => s),
    /popauth -init/,
  );
  await changePopauth(site, (s) => s, { create: true });
  assert.equal(statSync(site.popauthFile).mode & 0o777, 0o600);
  assert.deepEqual(readPopauth(site.popauthFile), { kind: "secrets", secrets: new Map() });
  await changePopauth(site, withSecret("wang", "geheim"));
  const { ino } = statSync(site.popauthFile);
  await changePopauth(site, (s) => s);
  assert.equal(statSync(site.popauthFile).ino, ino);
});

test("a file of wrong mode or damaged is named and stays as it is", async (t) => {
  const site = fixture(t);
  await changePopauth(site, withSecret("wang", "geheim"), { create: true });
  for (const mode of [0o644, 0o640, 0o660, 0o400, 0o700]) {
    chmodSync(site.popauthFile, mode);
    const found = readPopauth(site.popauthFile);
    assert.equal(found.kind, "wrong-mode");
    await assert.rejects(changePopauth(site, withSecret("chen", "x")), (error: unknown) => {
      assert.ok(error instanceof UserError && error.exitCode === 77);
      assert.match(error.message, new RegExp(`popauth.db: has wrong mode \\(0${mode.toString(8)}\\)`));
      return true;
    });
  }
  chmodSync(site.popauthFile, 0o600);
  for (const text of ["", "rubbish\n", readFileSync(site.popauthFile, "utf8").slice(0, -5)]) {
    writeFileSync(site.popauthFile, text);
    await assert.rejects(
      changePopauth(site, withSecret("chen", "x"), { create: true }),
      /popauth\.db:\d+: damaged/,
    );
    assert.equal(readFileSync(site.popauthFile, "utf8"), text);
  }
});

test("what is in force follows the file at once", async (t) => {
  const site = fixture(t);
  const faults: string[] = [];
  const secrets = openPopauthSecrets(site, { onFault: (fault) => faults.push(fault.message) });
  assert.deepEqual(secrets.state(), { kind: "absent" });
  assert.equal(secrets.find("wang"), undefined);
  for (let i = 0; i < 20; i++) {
    await changePopauth(site, withSecret("wang", `secret ${i % 10}`), { create: true });
    assert.equal(secrets.find("WANG")?.toString(), `secret ${i % 10}`);
  }
  assert.deepEqual(secrets.state(), { kind: "ready", count: 1 });
  chmodSync(site.popauthFile, 0o640);
  assert.deepEqual(secrets.state(), { kind: "wrong-mode", mode: 0o640 });
  assert.equal(secrets.find("wang"), undefined);
  chmodSync(site.popauthFile, 0o600);
  assert.equal(secrets.find("wang")?.toString(), "secret 9");
  // Damage changes nothing for those who know the last good file, and keeps everybody out who does not.
  writeFileSync(site.popauthFile, "#popauth 1\n");
  assert.equal(secrets.find("wang")?.toString(), "secret 9");
  assert.deepEqual(secrets.state(), { kind: "ready", count: 1 });
  assert.equal(secrets.faults().length, 1);
  assert.deepEqual(openPopauthSecrets(site).state(), { kind: "unusable" });
  rmSync(site.popauthFile);
  assert.equal(secrets.find("wang"), undefined);
  assert.deepEqual(secrets.state(), { kind: "absent" });
  assert.equal(faults.filter((fault) => fault.includes("wrong mode")).length, 1);
  assert.equal(faults.filter((fault) => fault.includes("damaged")).length, 1);
});

test("changes of several processes at once are all kept", async (t) => {
  const site = fixture(t);
  await changePopauth(site, (s) => s, { create: true });
  const child = fileURLToPath(new URL("popauth-change-child.ts", import.meta.url));
  const children = ["a", "b", "c"].map((name) =>
    fork(child, [site.root, name], { execArgv: ["--conditions=@mailhost/source", "--import", "tsx"] }),
  );
  for (const [code] of await Promise.all(children.map((c) => once(c, "exit")))) assert.equal(code, 0);
  const found = readPopauth(site.popauthFile);
  assert.ok(found.kind === "secrets");
  const expected = ["a", "b", "c"].flatMap((n) => Array.from({ length: 5 }, (_, i) => [`${n}${i}`, `s${i}`]));
  assert.deepEqual(shown(found.secrets), Object.fromEntries(expected));
});
