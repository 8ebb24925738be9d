/** A site whose mailhost.yaml names a Qpopper configuration file. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loadSettings, loadSettingsWithNotes } from "../../../src/settings/load.ts";
import { rememberedSettings } from "../../../src/settings/remembered.ts";
import { type Site, siteAt } from "../../../src/site.ts";

function siteWith(t: TestContext, files: Readonly<Record<string, string>>): Site {
  const root = mkdtempSync(join(tmpdir(), "mailhost-qpopper-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  mkdirSync(site.stateDir, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, name), text);
  return site;
}

test("the file's settings hold, those of mailhost.yaml rule, and both are told", (t) => {
  const site = siteWith(t, {
    "etc/mail/mailhost.yaml": "pop3:\n  timeout: 5m\n  configFile: etc/mail/qpopper.conf\n  shy: true\n",
    "etc/mail/qpopper.conf":
      "set timeout = 120\nset shy\nset bulldir = /var/spool/bulls\nset tls-server-cert-file = /etc/pop.pem\nset config-file = /etc/mail/more.conf\n",
    "etc/mail/more.conf": "set update-on-abort\nset kerberos\n",
  });
  const { settings, notes, qpopperFiles } = loadSettingsWithNotes(site);
  assert.equal(settings.pop3.timeout, 300_000);
  assert.equal(settings.pop3.shy, true);
  assert.equal(settings.pop3.updateOnAbort, true);
  assert.equal(settings.bulletins.folder, "var/spool/bulls");
  assert.deepEqual([settings.tls.cert, settings.tls.key], ["etc/pop.pem", "etc/pop.pem"]);
  const conf = join(site.etcMail, "qpopper.conf");
  const more = join(site.etcMail, "more.conf");
  assert.deepEqual(qpopperFiles, [conf, more]);
  assert.deepEqual(
    notes.map(({ file, line, text, harmless = false }) => [file, line, text, harmless]),
    [
      [more, 2, "kerberos: Kerberos 4 is no more; use TLS, APOP or AUTH", false],
      [
        conf,
        0,
        "where nothing is said, mailhost's defaults hold and not Qpopper's: update-status-headers is off; reverse-lookup is off; statistics is on",
        true,
      ],
      [conf, 1, `pop3.timeout is said in ${site.settingsFile}:2 too, and that rules`, false],
    ],
  );
});

test("a sendmail.cf names the file too", (t) => {
  const site = siteWith(t, {
    "etc/mail/sendmail.cf": '#@ MAILHOST_SETTING("pop3.configFile", "etc/mail/qpopper.conf")\n',
    "etc/mail/qpopper.conf": "set shy\n",
  });
  assert.equal(loadSettings(site).pop3.shy, true);
});

test("a file that is not named is not read", (t) => {
  const site = siteWith(t, { "etc/mail/qpopper.conf": "set shy\n" });
  assert.equal(loadSettings(site).pop3.shy, false);
});

test("faults of the file stop the start with its lines", (t) => {
  const site = siteWith(t, {
    "etc/mail/mailhost.yaml": "pop3:\n  configFile: etc/mail/qpopper.conf\n",
    "etc/mail/qpopper.conf": "set shy\nset timeuot = 120\nset timeout = x\n",
  });
  const conf = join(site.etcMail, "qpopper.conf");
  assert.throws(
    () => loadSettings(site),
    (error: Error & { exitCode: number }) =>
      error.exitCode === 78 &&
      error.message.startsWith(`${conf}:2: timeuot: unknown option, did you mean timeout?`) &&
      error.message.endsWith(`\n${conf}:3: timeout: expected a whole number, found "x"`),
  );
});

test("a remembered reading notices that the file has changed, wherever it is", async (t) => {
  const site = siteWith(t, {
    "etc/mail/mailhost.yaml": "pop3:\n  configFile: qpopper.conf\n",
    "qpopper.conf": "set timeout = 100\n",
  });
  const conf = join(site.root, "qpopper.conf");
  const cache = join(site.stateDir, "settings.cache");
  // Nothing is remembered of a file that has just changed.
  const deadline = Date.now() + 60_000;
  while (!existsSync(cache)) {
    assert.ok(Date.now() < deadline, "settings were never remembered");
    assert.equal((await rememberedSettings(site)).pop3.timeout, 100_000);
    await new Promise(setImmediate);
  }
  writeFileSync(conf, "set timeout = 200\n");
  utimesSync(conf, 1, 1);
  assert.equal((await rememberedSettings(site)).pop3.timeout, 200_000);
  rmSync(conf);
  await assert.rejects(rememberedSettings(site), /mailhost\.yaml:2: .*qpopper\.conf cannot be read/);
});
