/** Domains with users of their own, and limits of mailboxes, as the administrator's commands see them. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { siteAt } from "@mailhost/common/site";
import type { Finding } from "../../src/check/finding.ts";
import { run } from "../../src/main.ts";
import { SETTINGS } from "../fixtures/fake-host.ts";
import { recordedTerminal } from "../fixtures/recorded-terminal.ts";

function hostOf(t: TestContext, files: Readonly<Record<string, string>> = {}) {
  const root = mkdtempSync(join(tmpdir(), "mailhost-domains-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  for (const folder of [site.etcMail, site.spoolDir, site.stateDir]) mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries({ "mailhost.yaml": SETTINGS, ...files }))
    writeFileSync(join(site.etcMail, name), text);
  const mailhost = async (...args: string[]) => {
    const terminal = recordedTerminal();
    const code = await run([...args, "--root", root], terminal);
    return { code, out: terminal.outLines.join("\n"), err: terminal.errLines.join("\n") };
  };
  const mailbox = (path: string, octets: number) => {
    mkdirSync(join(site.spoolDir, path, ".."), { recursive: true });
    writeFileSync(join(site.spoolDir, path), `${"x".repeat(octets - 1)}\n`);
  };
  const findings = async (about: string) => {
    const all = JSON.parse((await mailhost("check", "--json")).out) as Finding[];
    return all
      .filter((one) => one.about === about && one.level !== "ok")
      .map(({ level, text }) => `${level}: ${text.replaceAll(root, "")}`);
  };
  return { site, root, mailhost, mailbox, findings };
}

test("user add says what a domain still lacks, and check warns until it is there", async (t) => {
  const { site, root, mailhost, findings } = hostOf(t);
  const first = await mailhost("user", "add", "alice@a.example");
  assert.equal(first.out, "added alice@a.example");
  assert.equal(
    first.err.replaceAll(root, ""),
    "mailhost: a.example is no domain of this host yet: add it to /etc/mail/local-host-names\n" +
      "mailhost: a.example has users of its own from now on: accounts without a domain get no mail there",
  );
  assert.deepEqual(await findings("accounts"), [
    "warning: a.example has users in /etc/mail/users and is no domain of this host: add it to /etc/mail/local-host-names",
  ]);
  writeFileSync(join(site.etcMail, "local-host-names"), "a.example\n");
  const second = await mailhost("user", "add", "bob@a.example");
  assert.deepEqual([second.code, second.err], [0, ""]);
  assert.deepEqual(await findings("accounts"), []);
  assert.equal((await mailhost("user", "list")).out, "alice@a.example\nbob@a.example");
  assert.equal((await mailhost("user", "passwd", "bob@a.example")).code, 0);
  assert.equal((await mailhost("user", "remove", "bob@a.example")).code, 0);
  for (const name of ["alice@A.example", "alice@localhost", "alice@../etc", "@a.example", "alice@a.lock"])
    assert.equal((await mailhost("user", "add", name)).code, 64, name);
});

test("a mailbox and a domain's folder of one name are refused, and named by check", async (t) => {
  const { site, mailhost, mailbox, findings } = hostOf(t, {
    "local-host-names": "a.example b.example c.example\n",
  });
  await mailhost("user", "add", "alice@a.example");
  const plain = await mailhost("user", "add", "a.example");
  assert.deepEqual(
    [plain.code, plain.err],
    [65, "mailhost: a.example is a domain with users of its own: no account can be called so"],
  );
  await mailhost("user", "add", "b.example");
  const domain = await mailhost("user", "add", "alice@b.example");
  assert.equal(domain.code, 65);
  assert.match(
    domain.err,
    /^mailhost: an account is called b\.example: .*spool\/mail\/b\.example cannot be the folder/,
  );
  mailbox("c.example", 10);
  assert.equal((await mailhost("user", "add", "alice@c.example")).code, 65);
  const hash =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  writeFileSync(site.usersFile, `alice@b.example:${hash}\nb.example:${hash}\n`, { mode: 0o600 });
  assert.match(
    (await findings("accounts")).join("\n"),
    /^error: an account is called b\.example.*rename the account$/,
  );
});

test("usage lists how full mailboxes are; check names the full ones and limits of nobody", async (t) => {
  const quotas = "alice@a.example 1KiB\n@a.example 4000\ncarol none\ndora 1MiB\n@z.example 5\n";
  const { mailhost, mailbox, findings, root } = hostOf(t, {
    "local-host-names": "a.example\n",
    quotas,
    "mailhost.yaml": `${SETTINGS}quota: { mailbox: 2000 }\naccounts: [file]\n`,
  });
  for (const name of ["alice@a.example", "bob@a.example", "carol"]) await mailhost("user", "add", name);
  mailbox("a.example/alice", 1024);
  mailbox("a.example/bob", 1024);
  mailbox("carol", 5000);
  mailbox("erin", 2500);
  const usage = await mailhost("mailbox", "usage");
  assert.equal(
    usage.out,
    [
      "alice@a.example\t1024\t1024\t100%",
      "bob@a.example\t1024\t4000\t25%",
      "carol\t5000\t-\t-",
      "erin\t2500\t2000\t125%",
    ].join("\n"),
  );
  assert.deepEqual(JSON.parse((await mailhost("mailbox", "usage", "BOB@A.example", "--json")).out), [
    { mailbox: "bob@a.example", size: 1024, limit: 4000, percent: 25 },
  ]);
  assert.deepEqual(JSON.parse((await mailhost("mailbox", "usage", "carol", "--json")).out), [
    { mailbox: "carol", size: 5000, limit: null, percent: null },
  ]);
  assert.equal((await mailhost("mailbox", "usage", "nobody")).code, 67);
  assert.equal((await mailhost("mailbox", "usage", "../x")).code, 64);
  assert.deepEqual(
    (await findings("quotas")).map((line) => line.replaceAll(root, "")),
    [
      "warning: /etc/mail/quotas: dora: there is no such account",
      "warning: /etc/mail/quotas: @z.example: the domain has no users of its own",
      "warning: erin: full: 2500 octets, 125% of the 2000 that it may have",
      "warning: alice@a.example: full: 1024 octets, 100% of the 1024 that it may have",
    ],
  );
});

test("a domain's folder that the daemons cannot write to is an error", {
  skip: process.getuid?.() !== 0 && "root alone can check for another user",
}, async (t) => {
  const { site, findings } = hostOf(t, { "mailhost.yaml": `${SETTINGS}run: {user: mail}\n` });
  mkdirSync(join(site.spoolDir, "a.example"), { mode: 0o755 });
  assert.ok(
    (await findings("permissions")).includes("error: /var/spool/mail/a.example: mail cannot write in it"),
  );
});

test("a faulty line of quotas is a fault of the tables", async (t) => {
  const { findings } = hostOf(t, { quotas: "alice plenty\n" });
  assert.match(
    (await findings("tables")).join("\n"),
    /error: \/etc\/mail\/quotas:1: alice: "plenty": expected none or a size/,
  );
});
