import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { siteAt } from "@mailhost/common/site";
import { checkPasswords } from "../../src/check/passwords.ts";

test("a sendmail.cf without mechanisms lets nobody log in, and the lines that do are told", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "check-passwords-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "etc/mail"), { recursive: true });
  writeFileSync(join(root, "etc/mail/users"), "", { mode: 0o600 });
  const site = siteAt(root);
  const said = async (mechanisms: string, source: string) => {
    const settings = parseSettings(
      `accounts: [file]\nauth: { mechanisms: ${mechanisms} }\n`,
      "mailhost.yaml",
    );
    return (await checkPasswords(site, settings, source)).map(({ level, text }) => `${level}: ${text}`);
  };
  assert.match(
    (await said("[]", site.sendmailCf)).join(),
    /^ok: nobody logs in to send.*confAUTH_MECHANISMS/,
  );
  assert.deepEqual(await said("[PLAIN]", site.sendmailCf), []);
  assert.deepEqual(await said("[]", site.settingsFile), [], "who wrote that knows it");
});
