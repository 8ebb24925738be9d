import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { rememberedSettings } from "../../src/settings/remembered.ts";
import { type Site, siteAt } from "../../src/site.ts";

/** A site whose settings were remembered, and whose memory then says another name than its file. */
async function poisonedSite(t: TestContext): Promise<{ site: Site; cache: string }> {
  const root = mkdtempSync(join(tmpdir(), "mailhost-remembered-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  mkdirSync(site.stateDir, { recursive: true });
  writeFileSync(site.settingsFile, "hostname: mail.a.test\n");
  const cache = join(site.stateDir, "settings.cache");
  // Nothing is remembered of a file that has just changed.
  const deadline = Date.now() + 60_000;
  while (!existsSync(cache)) {
    assert.ok(Date.now() < deadline, "settings were never remembered");
    assert.equal((await rememberedSettings(site)).hostname, "mail.a.test");
    await new Promise(setImmediate);
  }
  writeFileSync(cache, readFileSync(cache, "utf8").replaceAll('"mail.a.test"', '"mail.b.test"'));
  return { site, cache };
}

const nameOf = async (site: Site) => (await rememberedSettings(site)).hostname;

test("what is remembered counts while the settings' files stay as they were, and nobody else may have written it", async (t) => {
  const { site, cache } = await poisonedSite(t);
  const poison = readFileSync(cache);
  assert.equal(await nameOf(site), "mail.b.test");
  for (const spoil of [
    () => chmodSync(cache, 0o660),
    () => chmodSync(cache, 0o642),
    () => linkSync(cache, `${cache}.second`),
    () => {
      renameSync(cache, `${cache}.elsewhere`);
      symlinkSync(`${cache}.elsewhere`, cache);
    },
    () => writeFileSync(cache, "{"),
  ]) {
    spoil();
    assert.equal(await nameOf(site), "mail.a.test", String(spoil));
    rmSync(cache);
    writeFileSync(cache, poison, { mode: 0o640 });
    assert.equal(await nameOf(site), "mail.b.test");
  }
  utimesSync(site.settingsFile, 1, 1);
  assert.equal(await nameOf(site), "mail.a.test");
});
