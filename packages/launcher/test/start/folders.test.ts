import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { linkSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { siteAt } from "@mailhost/common/site";
import { prepareFolders } from "../../src/start/folders.ts";

/** Root hands over to somebody else; who is not root can only hand over to itself. */
const US = process.getuid!();
const THEM = US === 0 ? 12_345 : US;

test("what is in our folders is handed over, and nothing else that a name in them leads to", (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-folders-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  for (const folder of [site.etcMail, join(site.queueDir, "large"), join(root, "other")])
    mkdirSync(folder, { recursive: true });
  const other = (name: string) => join(root, "other", name);
  for (const name of ["by-hard-link", "by-symlink"]) writeFileSync(other(name), "");
  writeFileSync(join(site.queueDir, "large/body"), "");
  linkSync(other("by-hard-link"), join(site.queueDir, "hard"));
  symlinkSync(other("by-symlink"), join(site.queueDir, "soft"));
  symlinkSync(join(root, "other"), join(site.queueDir, "folder"));
  assert.equal(spawnSync("mkfifo", [join(site.queueDir, "fifo")]).status, 0);
  prepareFolders(site, { user: "them", uid: THEM, gid: process.getgid!() }, US);
  const owner = (path: string) => lstatSync(path).uid;
  for (const path of [site.queueDir, site.stateDir, join(site.queueDir, "large/body")])
    assert.equal(owner(path), THEM, path);
  for (const path of [other("by-hard-link"), other("by-symlink"), join(root, "other")])
    assert.equal(owner(path), US, path);
});
