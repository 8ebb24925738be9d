/** What root writes for the host's user, in a folder of that user: nothing that leads elsewhere is followed. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { siteAt } from "@mailhost/common/site";
import { accountKey, acmeFolder, writeState } from "../../src/acme/acme-state.ts";
import { handOverFolders } from "../../src/acme/host-renewal.ts";

const uid = process.getuid?.() ?? 0;
const IDENTITY =
  uid === 0
    ? { user: "somebody", uid: 12_345, gid: 12_345 }
    : { user: "me", uid, gid: process.getgid?.() ?? 0 };
const DIRECTORY = "https://ca.example/directory";

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "mailhost-acme-folder-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  const elsewhere = join(root, "elsewhere");
  for (const folder of [site.stateDir, elsewhere]) mkdirSync(folder, { recursive: true });
  const said: string[] = [];
  const log = { write: (_: unknown, text: string) => void said.push(text), close: () => Promise.resolve() };
  const settings = parseSettings("acme: { domains: [mail.a.example] }\n", site.settingsFile);
  return { site, elsewhere, said, parts: { site, settings, log } };
}

test("the folder is its user's, and so is what is in it", async (t) => {
  const { site } = fixture(t);
  await writeState(site, { ours: [] }, IDENTITY);
  const key = await accountKey(site, DIRECTORY, IDENTITY);
  assert.equal(await accountKey(site, DIRECTORY, IDENTITY), key);
  assert.equal(statSync(acmeFolder(site)).uid, IDENTITY.uid);
  assert.equal(statSync(acmeFolder(site)).mode & 0o777, 0o700);
});

test("a link in its place: root gives nothing away and writes nothing behind it", async (t) => {
  const { site, elsewhere, parts } = fixture(t);
  const before = statSync(elsewhere).uid;
  symlinkSync(elsewhere, acmeFolder(site));
  handOverFolders(parts, IDENTITY);
  assert.equal(statSync(elsewhere).uid, before);
  if (uid === 0) {
    await assert.rejects(writeState(site, { ours: [] }, IDENTITY));
    await assert.rejects(accountKey(site, DIRECTORY, IDENTITY));
  }
  assert.equal(existsSync(join(elsewhere, "state.json")), false);
});
