import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "@mailhost/common/errors";
import { createDrop } from "../../src/submit/drop-file.ts";

const IS_ROOT = process.getuid?.() === 0;

test("a folder that gives no file to the daemon's group gets none", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-drop-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  // Only root can give a folder to a group that it is not in.
  if (IS_ROOT) {
    chownSync(dir, 12_345, 12_345);
    chmodSync(dir, 0o1733);
    await assert.rejects(
      createDrop(dir),
      (error) => error instanceof UserError && error.exitCode === 75 && /set-group-id/.test(error.message),
    );
    assert.deepEqual(readdirSync(dir), []);
  }
  chmodSync(dir, 0o3733);
  const drop = await createDrop(dir);
  await drop.finish();
  assert.deepEqual(readdirSync(dir), [drop.name]);
});
