import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { lockPidFile, type PidFile } from "../../src/daemon/pid-file.ts";

function path(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-pid-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return join(dir, "x.pid");
}

describe("a pid file", () => {
  test("belongs to one at a time, and is gone at the end", (t) => {
    const file = path(t);
    const first = lockPidFile(file) as PidFile;
    assert.deepEqual(lockPidFile(file), { heldBy: undefined });
    first.write(4711);
    assert.equal(readFileSync(file, "utf8"), "4711\n");
    assert.deepEqual(lockPidFile(file), { heldBy: 4711 });
    first.write(5);
    assert.equal(readFileSync(file, "utf8"), "5\n");
    first.release();
    first.release();
    first.write(6);
    assert.ok(!existsSync(file));
  });

  test("one that a dead process left counts for nothing", (t) => {
    const file = path(t);
    writeFileSync(file, "1\n");
    const mine = lockPidFile(file) as PidFile;
    assert.ok("fd" in mine);
    mine.release();
  });

  test("a removed one can be taken again: the lock is the file's, not the name's", (t) => {
    const file = path(t);
    const first = lockPidFile(file) as PidFile;
    unlinkSync(file);
    const second = lockPidFile(file) as PidFile;
    assert.ok("fd" in second);
    first.release();
    second.release();
  });
});
