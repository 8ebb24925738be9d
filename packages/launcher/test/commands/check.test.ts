import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { formatPopauth } from "@mailhost/common/accounts/popauth-format";
import { type Site, siteAt } from "@mailhost/common/site";
import { rebuildAliases } from "@mailhost/mta/commands/newaliases";
import type { Finding } from "../../src/check/finding.ts";
import { run } from "../../src/main.ts";
import { SETTINGS } from "../fixtures/fake-host.ts";
import { recordedTerminal } from "../fixtures/recorded-terminal.ts";

function makeSite(t: TestContext, files: Readonly<Record<string, string>>): Site {
  const root = mkdtempSync(join(tmpdir(), "mailhost-check-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  for (const [name, text] of Object.entries({ "mailhost.yaml": SETTINGS, ...files })) {
    writeFileSync(join(site.etcMail, name), text);
  }
  return site;
}

async function check(site: Site): Promise<{ code: number; errors: string[]; warnings: string[] }> {
  const terminal = recordedTerminal();
  const code = await run(["check", "--json", "--root", site.root], terminal);
  // What the DNS of this machine says of mail.example.com is not ours to know.
  const findings = (JSON.parse(terminal.outLines[0]!) as Finding[]).filter(({ about }) => about !== "dns");
  const texts = (level: Finding["level"]) =>
    findings.filter((f) => f.level === level).map((f) => `${f.about}: ${f.text}`);
  return { code, errors: texts("error"), warnings: texts("warning") };
}

describe("mailhost check", () => {
  test("a new site has no error; it lacks a certificate", async (t) => {
    const { code, errors, warnings } = await check(
      makeSite(t, { access: "127.0.0.1 RELAY\n202.99.11 RELAY\n" }),
    );
    assert.equal(code, 0);
    assert.deepEqual(errors, []);
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /^tls: no .*cert\.pem/);
  });

  test("bad settings and bad tables are named with file and line", async (t) => {
    const settings = await check(makeSite(t, { "mailhost.yaml": "smtp: { listen: 25 }\n" }));
    assert.equal(settings.code, 78);
    assert.match(settings.errors[0]!, /mailhost\.yaml:1: smtp\.listen/);
    const tables = await check(makeSite(t, { aliases: "postmaster: root\nno colon here\n" }));
    assert.equal(tables.code, 78);
    assert.match(tables.errors[0]!, /aliases:2: /);
  });

  test("an open relay is found, however it came about", async (t) => {
    for (const files of [
      { access: "192.0.2 RELAY\n" },
      { access: "outside.example RELAY\n" },
      { "relay-domains": "example\n" },
    ]) {
      const { code, errors } = await check(makeSite(t, files));
      assert.equal(code, 78, JSON.stringify(files));
      assert.match(errors[0]!, /^relaying: open relay: .* may send to <someone@outside\.example>/);
    }
  });

  test("settings that let strangers relay are named, the open relay as an error", async (t) => {
    const open = await check(
      makeSite(t, { "mailhost.yaml": `${SETTINGS}policy: {promiscuousRelay: true}\n` }),
    );
    assert.equal(open.code, 78);
    assert.match(open.errors.join("\n"), /^relaying: OPEN RELAY: policy\.promiscuousRelay is on/m);
    const trusting = await check(
      makeSite(t, { "mailhost.yaml": `${SETTINGS}policy: {relayLocalFrom: true}\n` }),
    );
    assert.equal(trusting.code, 0);
    assert.match(trusting.warnings.join("\n"), /^relaying: policy\.relayLocalFrom lets whoever/m);
  });

  test("a text that is newer than its .db is warned of, for the .db rules", async (t) => {
    const site = makeSite(t, { aliases: "postmaster: root\n" });
    const nowhere = { write: () => true };
    assert.equal(await rebuildAliases(site, { stdout: nowhere, stderr: nowhere }), 0);
    const text = join(site.etcMail, "aliases");
    writeFileSync(text, "postmaster: wang\n");
    utimesSync(text, Date.now() / 1000 + 60, Date.now() / 1000 + 60);
    const { code, warnings } = await check(site);
    assert.equal(code, 0);
    assert.match(warnings.join("\n"), /^tables: .*aliases.*newer/m);
  });

  test("the network of all examples is no open relay", async (t) => {
    const { code, errors } = await check(makeSite(t, { access: "IPv6:2001:db8 RELAY\n" }));
    assert.deepEqual({ code, errors }, { code: 0, errors: [] });
    const wide = await check(makeSite(t, { access: "IPv6:2001 RELAY\n" }));
    assert.match(wide.errors[0]!, /open relay: 2001:2::77/);
  });

  test("which file rules is said, and a name without a domain is to be set there", async (t) => {
    const site = makeSite(t, { "sendmail.cf": "V10/Berkeley\nDjmail\n" });
    const both = await check(site);
    assert.match(
      both.warnings.join("\n"),
      /^settings: .*sendmail\.cf: not read, as .*mailhost\.yaml is there$/m,
    );
    rmSync(site.settingsFile);
    const { warnings } = await check(site);
    assert.match(warnings.join("\n"), /^settings: hostname: "mail" has no domain.*Dj.* in .*sendmail\.cf/m);
  });

  test("messages that nobody takes are named: set aside, and in a queue of Sendmail's", async (t) => {
    const site = makeSite(t, {});
    mkdirSync(join(site.queueDir, "qf"), { recursive: true });
    mkdirSync(site.dropDir, { recursive: true });
    writeFileSync(join(site.queueDir, "qf6AR3Y401000099"), "V8\n.\n");
    writeFileSync(join(site.queueDir, "qf", "hf6AR3Y401000100"), "V8\n.\n");
    writeFileSync(join(site.queueDir, "imported-qf6AR3Y401000098"), "V8\n.\n");
    writeFileSync(join(site.dropDir, `bad-${"0".repeat(32)}`), "x");
    const { code, warnings } = await check(site);
    assert.equal(code, 0);
    const queue = warnings.filter((w) => w.startsWith("queue: "));
    assert.match(queue[0]!, /clientmqueue: 1 message of local users could not be queued \(bad-0+\)/);
    assert.match(queue[1]!, /mqueue: 2 messages of Sendmail's .* mailhost queue import --root .*mqueue$/);
    assert.equal(queue.length, 2);
  });

  test("a table that the daemons cannot read is named with what lets them", async (t) => {
    if (process.getuid?.() !== 0) {
      t.skip("root alone can do this");
      return;
    }
    const site = makeSite(t, { access: "127.0.0.1 RELAY\n", virtusertable: "a@b.example c\n" });
    writeFileSync(site.settingsFile, `${SETTINGS}run: {user: mail, group: mail}\n`);
    for (const name of ["access", "virtusertable"]) chmodSync(join(site.etcMail, name), 0o600);
    const { code, errors } = await check(site);
    assert.equal(code, 78);
    for (const name of ["access", "virtusertable"]) {
      const file = join(site.etcMail, name);
      assert.ok(
        errors.includes(`permissions: ${file}: mail cannot read it: chgrp mail ${file} && chmod g+r ${file}`),
        errors.join("\n"),
      );
    }
  });

  test("a root without etc/mail is an error, and nothing is made there", async (t) => {
    const site = makeSite(t, {});
    rmSync(join(site.root, "etc"), { recursive: true });
    const { code, errors } = await check(site);
    assert.equal(code, 78);
    assert.match(errors[0]!, /there is no .*etc\/mail; `mailhost init/);
    assert.equal(await run(["start", "--root", site.root], recordedTerminal()), 78);
    assert.deepEqual(readdirSync(site.root), []);
  });

  test("a mailbox that begins with something else is named", async (t) => {
    const site = makeSite(t, {});
    mkdirSync(site.spoolDir, { recursive: true });
    writeFileSync(join(site.spoolDir, "wang"), "\0\0\0\0\0\0From nobody");
    writeFileSync(join(site.spoolDir, "li"), "From li Tue Nov 24 21:59:01 2026\n\n");
    writeFileSync(join(site.spoolDir, "empty"), "");
    for (const name of ["wang", "li", "empty"]) chmodSync(join(site.spoolDir, name), 0o660);
    const { code, warnings } = await check(site);
    assert.equal(code, 0);
    assert.deepEqual(
      warnings.filter((w) => w.startsWith("mailboxes")),
      [
        `mailboxes: ${site.spoolDir}/wang: damaged: it begins with bytes that belong to no message: they are kept and shown to nobody; look at them; if they are a message, give it a From line: From nobody Thu Jan  1 00:00:00 2026`,
      ],
    );
  });

  test("a mailbox that everybody can read, one that is a link, and what Qpopper left", async (t) => {
    const site = makeSite(t, {});
    mkdirSync(site.spoolDir, { recursive: true });
    writeFileSync(join(site.spoolDir, "wang"), "");
    chmodSync(join(site.spoolDir, "wang"), 0o644);
    writeFileSync(join(site.spoolDir, ".wang.pop"), "From li Tue Nov 24 21:59:01 2026\n\n");
    symlinkSync("/etc/passwd", join(site.spoolDir, "li"));
    const { warnings, errors } = await check(site);
    const about = (list: readonly string[]) => list.filter((w) => w.startsWith("mailboxes")).join("\n");
    assert.match(about(warnings), /\/wang: its mode is 0644: everybody can read it; chmod 0660 it/);
    assert.match(about(warnings), /\/wang: .*\.wang\.pop holds mail of a session that died under Qpopper/);
    assert.match(about(errors), /\/li: it is a symbolic link/);
  });

  test("mailboxes in homes that the daemons can not write into", {
    skip: process.getuid?.() !== 0 && "needs root",
  }, async (t) => {
    const inHomes = (run: string) => `mailbox: { homeFile: Mailbox }\n${run}`;
    const named = makeSite(t, { "mailhost.yaml": inHomes("run: { user: nobody }\n") });
    assert.match((await check(named)).errors.join("\n"), /mailbox\.homeFile: nobody can not write/);
    const root = makeSite(t, { "mailhost.yaml": inHomes("run: { user: root }\n") });
    assert.doesNotMatch((await check(root)).errors.join("\n"), /homeFile/);
  });

  test("a port in use and hashes that anybody can read", async (t) => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    t.after(() => taken.close());
    const { port } = taken.address() as AddressInfo;
    const site = makeSite(t, {
      "mailhost.yaml": SETTINGS.replace("127.0.0.1:0", `127.0.0.1:${port}`),
      users: "",
    });
    chmodSync(site.usersFile, 0o644);
    const { code, errors, warnings } = await check(site);
    assert.equal(code, 78);
    assert.match(
      errors[0]!,
      new RegExp(`^ports: cannot listen on 127\\.0\\.0\\.1:${port}: the port is in use`),
    );
    assert.match(warnings.join("\n"), /users: others can read the password hashes/);
  });

  test("settings that everybody may write, and a trace that others can read", async (t) => {
    const settings = SETTINGS.replace("pop3: {", "pop3: { traceFile: trace,");
    const site = makeSite(t, { "mailhost.yaml": settings, access: "127.0.0.1 RELAY\n" });
    chmodSync(site.settingsFile, 0o666);
    writeFileSync(join(site.root, "trace"), "");
    chmodSync(join(site.root, "trace"), 0o644);
    const text = (await check(site)).warnings.join("\n");
    assert.match(text, /mailhost\.yaml: everybody may write it; chmod o-w it/);
    assert.match(text, /trace: others can read the trace; chmod 600 it/);
    assert.doesNotMatch(text, /access: everybody/);
  });

  test("a database of secrets of wrong mode or damaged", async (t) => {
    const site = makeSite(t, { "popauth.db": formatPopauth(new Map([["wang", Buffer.from("geheim")]])) });
    const errors = async () => (await check(site)).errors.filter((text) => text.startsWith("popauth"));
    chmodSync(site.popauthFile, 0o600);
    assert.deepEqual(await errors(), []);
    chmodSync(site.popauthFile, 0o640);
    assert.match(
      (await errors()).join("\n"),
      /popauth\.db: has wrong mode \(0640\): nobody logs in; chmod 600 it/,
    );
    chmodSync(site.popauthFile, 0o600);
    writeFileSync(site.popauthFile, "#popauth 1\n");
    assert.match((await errors()).join("\n"), /popauth\.db:2: damaged: its end is missing/);
  });
});
