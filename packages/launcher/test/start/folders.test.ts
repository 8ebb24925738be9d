import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
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

test("the drop folder keeps its set-group-id bit, without which nothing in it can be taken", (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-folders-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.dropDir, { recursive: true });
  chmodSync(site.dropDir, 0o3733);
  const gid = US === 0 ? 12_345 : process.getgid!();
  const script = `
    import { siteAt } from "@mailhost/common/site";
    import { prepareFolders } from "${new URL("../../src/start/folders.ts", import.meta.url).href}";
    prepareFolders(siteAt(${JSON.stringify(root)}), { user: "them", uid: ${THEM}, gid: ${gid} }, ${US});`;
  const node = [process.execPath, "--conditions=@mailhost/source", "--import", "tsx", "--input-type=module"];
  // Root as it is in a container: not in the group, and without the power over that bit.
  const powerless = US === 0 ? ["setpriv", "--bounding-set=-fsetid", "--clear-groups"] : [];
  // env runs whatever comes first.
  const ran = spawnSync("env", [...powerless, ...node, "--eval", script], { encoding: "utf8" });
  assert.equal(ran.status, 0, ran.stderr);
  assert.equal((lstatSync(site.dropDir).mode & 0o7777).toString(8), "3733");
  assert.equal(lstatSync(site.dropDir).gid, gid);
});
