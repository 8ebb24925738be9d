import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeOwnFile } from "../../src/daemon/own-file.ts";

/** Root hands over to somebody else; who is not root can only hand over to itself. */
const US = process.getuid!();
const THEM = { user: "them", uid: US === 0 ? 12_345 : US, gid: process.getgid!() };

test("a file is made for whom we become, and what is there already stays as it is", (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-own-file-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const path = join(root, "pop.trace");
  assert.equal(makeOwnFile(path, 0o600, undefined), false);
  assert.equal(existsSync(path), false);
  assert.equal(makeOwnFile(path, 0o600, THEM), true);
  assert.deepEqual([lstatSync(path).uid, lstatSync(path).mode & 0o777], [THEM.uid, 0o600]);
  assert.equal(makeOwnFile(path, 0o600, { ...THEM, uid: US }), false);
  assert.equal(lstatSync(path).uid, THEM.uid);
});

test("a link is not followed, and a folder that is not there is no fault", (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-own-file-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  symlinkSync(join(root, "elsewhere"), join(root, "link"));
  assert.equal(makeOwnFile(join(root, "link"), 0o600, THEM), false);
  assert.equal(existsSync(join(root, "elsewhere")), false);
  assert.equal(makeOwnFile(join(root, "none", "pop.trace"), 0o600, THEM), false);
});
