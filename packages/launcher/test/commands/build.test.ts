import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { loadSettings, parseSettings } from "@mailhost/common/settings/load";
import { siteAt } from "@mailhost/common/site";
import { runBuild } from "../../src/build-main.ts";
import { checkHost } from "../../src/check/check-host.ts";
import { run } from "../../src/main.ts";
import { recordedTerminal } from "../fixtures/recorded-terminal.ts";

const MC = `OSTYPE(\`linux')dnl
define(\`confMAX_HOP', \`17')dnl
FEATURE(\`access_db')dnl
FEATURE(\`bitdomain')dnl
FEATURE(\`no_default_msa')dnl
DAEMON_OPTIONS(\`Port=0, Addr=127.0.0.1, Name=MTA')dnl
MAILHOST_SETTING(\`pop3.listen', \`127.0.0.1:0')dnl
MAILHOST_SETTING(\`pop3.pop3s', \`[]')dnl
MAILER(\`smtp')dnl
`;

function folderWith(t: TestContext, mc: string): string {
  const root = mkdtempSync(join(tmpdir(), "mailhost-build-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "etc/mail"), { recursive: true });
  writeFileSync(join(root, "config.mc"), mc);
  return root;
}

describe("mailhost build", () => {
  test("prints a sendmail.cf that gives the same settings, and warns on standard error", async (t) => {
    const root = folderWith(t, MC);
    const terminal = recordedTerminal();
    assert.equal(await run(["build", "--root", root, join(root, "config.mc")], terminal), 0);
    const site = siteAt(root);
    writeFileSync(site.sendmailCf, `${terminal.outLines.join("\n")}\n`);
    const settings = loadSettings(site);
    assert.equal(settings.smtp.maxHops, 17);
    assert.deepEqual(settings.pop3.listen, [{ host: "127.0.0.1", port: 0 }]);
    assert.match(
      terminal.errLines.join("\n"),
      /^warning: .*config\.mc:4: FEATURE\(bitdomain\): BITNET is no more$/m,
    );
  });

  test("--explain prints a mailhost.yaml with the line of each setting", async (t) => {
    const root = folderWith(t, MC);
    const terminal = recordedTerminal();
    assert.equal(await run(["build", "--root", root, "--explain", join(root, "config.mc")], terminal), 0);
    const text = terminal.outLines.join("\n");
    assert.match(text, /^ {2}maxHops: 17 # .*config\.mc:2$/m);
    assert.match(text, /^ {2}maxRecipients: unlimited # default$/m);
    assert.equal(parseSettings(text, "f").smtp.maxHops, 17);
  });

  test("--json has settings, places and notes", async (t) => {
    const root = folderWith(t, MC);
    const terminal = recordedTerminal();
    assert.equal(await run(["build", "--root", root, "--json", join(root, "config.mc")], terminal), 0);
    const printed = JSON.parse(terminal.outLines.join("\n")) as {
      settings: { smtp: { maxHops: number } };
      origins: Record<string, string>;
      notes: { line: number }[];
    };
    assert.equal(printed.settings.smtp.maxHops, 17);
    assert.match(printed.origins["smtp.maxHops"]!, /config\.mc:2$/);
    assert.deepEqual(
      printed.notes.map(({ line }) => line),
      [4],
    );
  });

  test("--explain reads the site's sendmail.cf, or another", async (t) => {
    const root = folderWith(t, MC);
    writeFileSync(siteAt(root).sendmailCf, "O MaxHopCount=5\n");
    const terminal = recordedTerminal();
    assert.equal(await run(["build", "--root", root, "--explain"], terminal), 0);
    assert.match(terminal.outLines.join("\n"), /maxHops: 5 # .*sendmail\.cf:1$/m);
  });

  test("a fault ends it with 78 and leaves the output file alone", async (t) => {
    const root = folderWith(t, "FEATURE(`acces_db')\n");
    const output = join(root, "sendmail.cf");
    writeFileSync(output, "as it was\n");
    const terminal = recordedTerminal();
    assert.equal(await run(["build", "--root", root, "-o", output, join(root, "config.mc")], terminal), 78);
    assert.match(
      terminal.errLines.join("\n"),
      /config\.mc:1: unknown FEATURE "acces_db"; did you mean access_db\?/,
    );
    assert.equal(readFileSync(output, "utf8"), "as it was\n");
  });

  test("a .cf is built already", async (t) => {
    const root = folderWith(t, MC);
    const terminal = recordedTerminal();
    assert.equal(await run(["build", "--root", root, join(root, "x.cf")], terminal), 64);
    assert.equal(await run(["build", "--root", root], terminal), 64);
    assert.equal(await run(["build", "--root", root, "--explain", join(root, "gone.cf")], terminal), 66);
  });
});

describe("Build", () => {
  test("makes config.cf of config.mc in the current folder, as in cf/cf", async (t) => {
    const root = folderWith(t, MC);
    const terminal = recordedTerminal();
    assert.equal(await runBuild(["config.cf"], terminal, root), 0);
    assert.match(readFileSync(join(root, "config.cf"), "utf8"), /^O MaxHopCount=17$/m);
    assert.deepEqual(terminal.outLines, ["mailhost build config.mc > config.cf"]);
  });

  test("-n only says what it would do; install and nothing have nothing to do", async (t) => {
    const root = folderWith(t, MC);
    const terminal = recordedTerminal();
    assert.equal(await runBuild(["-n", "config.cf"], terminal, root), 0);
    assert.equal(existsSync(join(root, "config.cf")), false);
    assert.equal(await runBuild([], terminal, root), 0);
    assert.equal(await runBuild(["install"], terminal, root), 0);
    assert.match(terminal.outLines.at(-1)!, /needs no compiling/);
  });

  test("says what is missing", async (t) => {
    const root = folderWith(t, MC);
    const terminal = recordedTerminal();
    assert.equal(await runBuild(["other.cf"], terminal, root), 66);
    assert.match(terminal.errLines.at(-1)!, /^Build: no other\.mc in .* to make other\.cf of$/);
    assert.equal(await runBuild(["config"], terminal, root), 64);
  });
});

test("check says which file rules and what of it is not carried over", async (t) => {
  const root = folderWith(t, MC);
  const site = siteAt(root);
  assert.equal(await runBuild(["config.cf"], recordedTerminal(), root), 0);
  writeFileSync(site.sendmailCf, readFileSync(join(root, "config.cf")));
  const findings = (await checkHost(site)).filter(({ about }) => about === "settings");
  assert.deepEqual(findings[0], { level: "ok", about: "settings", text: `${site.sendmailCf} rules` });
  assert.ok(
    findings.some(
      ({ level, text }) => level === "warning" && /sendmail\.cf:\d+: FEATURE\(bitdomain\)/.test(text),
    ),
  );
  writeFileSync(site.settingsFile, "hostname: mail.example.com\n");
  const both = (await checkHost(site)).filter(({ about }) => about === "settings");
  assert.deepEqual(
    both.map(({ text }) => text),
    [`${site.settingsFile} rules`, `${site.sendmailCf}: not read, as ${site.settingsFile} is there`],
  );
});
