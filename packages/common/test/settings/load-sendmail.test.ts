import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadSettings, loadSettingsWithNotes } from "../../src/settings/load.ts";
import { fullName } from "../../src/settings/sendmail/load-cf.ts";
import { readMcFile } from "../../src/settings/sendmail/load-mc.ts";
import { type Site, siteAt } from "../../src/site.ts";

function siteWith(t: TestContext, files: Readonly<Record<string, string>>): Site {
  const root = mkdtempSync(join(tmpdir(), "mailhost-cf-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(site.etcMail, name), text);
  return site;
}

test("without a mailhost.yaml, sendmail.cf rules, and files it names are read below the site root", (t) => {
  const site = siteWith(t, {
    "sendmail.cf": "Djmail.example.com\nC{M}a.example\nF{M}/etc/mail/masq\nKmine hash x\n",
    masq: "b.example\n",
  });
  const loaded = loadSettingsWithNotes(site);
  assert.equal(loaded.source, site.sendmailCf);
  assert.equal(loaded.settings.hostname, "mail.example.com");
  assert.deepEqual(loaded.settings.rewrite.masqueradeDomains, ["a.example", "b.example"]);
  assert.deepEqual(
    loaded.notes.map(({ line }) => line),
    [4],
  );
});

test("where both are, mailhost.yaml rules and the other is named", (t) => {
  const site = siteWith(t, { "sendmail.cf": "!!!\n", "mailhost.yaml": "hostname: yaml.example.com\n" });
  const loaded = loadSettingsWithNotes(site);
  assert.equal(loaded.settings.hostname, "yaml.example.com");
  assert.equal(loaded.ignored, site.sendmailCf);
});

test("a line that nobody knows keeps the host from starting, in Sendmail's words", (t) => {
  const site = siteWith(t, { "sendmail.cf": "V10\n \n!what\n" });
  assert.throws(() => loadSettings(site), {
    message: `554 5.0.0 ${site.sendmailCf}: line 3: unknown configuration line "!what"`,
    exitCode: 78,
  });
});

test("a config.mc finds its parts beside it, then below the site root", (t) => {
  const site = siteWith(t, {
    "config.mc": "OSTYPE(`linux')\ninclude(`part.m4')\ninclude(`/etc/mail/other.m4')\nMAILER(`smtp')\n",
    "part.m4": "MASQUERADE_AS(`beside.example')\n",
    "other.m4": "define(`confDOMAIN_NAME', `below.example')\n",
  });
  const config = readMcFile(site, join(site.etcMail, "config.mc"));
  assert.equal(config.macros.get("M")?.value, "beside.example");
  assert.equal(config.macros.get("j")?.value, "below.example");
  assert.throws(() => readMcFile(site, join(site.etcMail, "gone.mc")), /gone\.mc: no such file/);
});

test("the machine's full name is in the hosts file", () => {
  const hosts =
    "127.0.0.1 localhost\n# 10.0.0.9 mail.no.example mail\n10.0.0.1\tmail.example.com mail # we\n";
  assert.equal(fullName("mail", hosts), "mail.example.com");
  assert.equal(fullName("mail.x", hosts), "mail.x");
  assert.equal(fullName("other", hosts), "other");
});
