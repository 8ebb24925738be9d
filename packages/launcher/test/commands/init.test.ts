import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { loadSettings, parseSettings } from "@mailhost/common/settings/load";
import { OPTIONS } from "@mailhost/common/settings/options";
import { siteAt } from "@mailhost/common/site";
import { run } from "../../src/main.ts";
import { recordedTerminal } from "../fixtures/recorded-terminal.ts";

function makeRoot(t: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "mailhost-init-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

const entriesOf = (text: string) =>
  text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(/\s+/).join(" "));

describe("mailhost init", () => {
  test("writes the article's tables with the company's names", async (t) => {
    const root = makeRoot(t);
    const terminal = recordedTerminal();
    const lan = ["--lan", "202.99.11.0/24", "200.200.201"];
    assert.equal(await run(["init", "--root", root, "--domain", "LinuxAid.com.cn.", ...lan], terminal), 0);
    const site = siteAt(root);
    const read = (name: string) => readFileSync(join(site.etcMail, name), "utf8");
    assert.deepEqual(entriesOf(read("access")), ["127.0.0.1 RELAY", "202.99.11 RELAY", "200.200.201 RELAY"]);
    assert.deepEqual(entriesOf(read("local-host-names")), ["linuxaid.com.cn", "mail.linuxaid.com.cn"]);
    assert.deepEqual(entriesOf(read("aliases")).slice(0, 5), [
      "MAILER-DAEMON: postmaster",
      "postmaster: root",
      "bin: root",
      "daemon: root",
      "nobody: root",
    ]);
    assert.equal(statSync(site.usersFile).mode & 0o777, 0o600);
    assert.equal(loadSettings(site).hostname, "mail.linuxaid.com.cn");
    assert.match(terminal.outLines.join("\n"), /mailhost user add/);
  });

  test("shows every setting with its default, each line good YAML once its # is gone", async (t) => {
    const root = makeRoot(t);
    const ports = ["--smtp-port", "2525", "--pop3-port", "0"];
    await run(
      ["init", "--root", root, "--domain", "example.com", "--lan", "10.1", ...ports],
      recordedTerminal(),
    );
    const text = readFileSync(siteAt(root).settingsFile, "utf8");
    assert.deepEqual(parseSettings(text, "f").smtp.listen, [{ host: "0.0.0.0", port: 2525 }]);
    assert.deepEqual(parseSettings(text, "f").pop3.listen, [{ host: "0.0.0.0", port: 0 }]);
    const names = new Set(OPTIONS.map(({ path }) => path.split(".").at(-1)!));
    const bare = text.replace(/^( *)# (\w+)(?=: )/gm, (line, indent: string, name: string) =>
      names.has(name) ? indent + name : line,
    );
    const settings = parseSettings(bare, "f") as unknown as Record<string, Record<string, unknown>>;
    for (const { path, default: standard } of OPTIONS) {
      const [group = "", name] = path.split(".");
      const value = name === undefined ? settings[group] : settings[group]?.[name];
      if (/^(hostname|smtp\.listen|smtp\.smtps|pop3\.listen|pop3\.pop3s|relay\.smartHost|run\.)/.test(path))
        continue;
      assert.deepEqual(value, standard(), path);
    }
  });

  test("keeps what is there and says so", async (t) => {
    const root = makeRoot(t);
    const args = ["init", "--root", root, "--domain", "example.com", "--lan", "192.168.1"];
    await run(args, recordedTerminal());
    const access = join(root, "etc/mail/access");
    writeFileSync(access, "mine RELAY\n");
    rmSync(join(root, "etc/mail/aliases"));
    const terminal = recordedTerminal();
    assert.equal(await run(args, terminal), 0);
    assert.equal(readFileSync(access, "utf8"), "mine RELAY\n");
    assert.ok(terminal.outLines.includes(`kept  ${access} (it was there already)`));
    assert.ok(terminal.outLines.includes(`wrote ${join(root, "etc/mail/aliases")}`));
  });

  test("beside a sendmail.cf that rules nothing is written, and what to do instead is said", async (t) => {
    const root = makeRoot(t);
    const { etcMail, sendmailCf, settingsFile } = siteAt(root);
    mkdirSync(etcMail, { recursive: true });
    writeFileSync(sendmailCf, "V10/Berkeley\nDjmail.example.com\n");
    const args = ["init", "--root", root, "--domain", "example.com", "--lan", "192.168.1"];
    const terminal = recordedTerminal();
    assert.equal(await run(args, terminal), 78);
    assert.match(terminal.errLines.join("\n"), /sendmail\.cf is there and rules: .*mailhost build --explain/);
    assert.deepEqual(readdirSync(etcMail), ["sendmail.cf"]);
    // With a mailhost.yaml that rules already, init adds what is missing.
    writeFileSync(settingsFile, "hostname: mail.example.com\n");
    assert.equal(await run(args, recordedTerminal()), 0);
  });

  test("bad names are refused before anything is written", async (t) => {
    const root = makeRoot(t);
    const bad: [string[], RegExp][] = [
      [
        ["--domain", "nodots", "--lan", "10"],
        /--domain: expected a domain such as example\.com.*found "nodots"/,
      ],
      [["--domain", "1.2.3.4", "--lan", "10"], /--domain/],
      [["--domain", "example.com", "--lan", "10.0.0.0/9"], /--lan: expected a prefix of/],
      [["--domain", "example.com", "--lan", "10", "--hostname", "a b.c"], /--hostname/],
      [["--domain", "example.com", "--lan", "10", "--smtp-port", "70000"], /--smtp-port/],
      [["--domain", "example.com"], /lan/],
    ];
    for (const [args, expected] of bad) {
      const terminal = recordedTerminal();
      assert.equal(await run(["init", "--root", root, ...args], terminal), 64);
      assert.match(terminal.errLines[0] ?? "", expected);
      assert.equal(statSync(join(root, "etc"), { throwIfNoEntry: false }), undefined);
    }
  });
});
