import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { checkLmdbFile } from "../../src/lmdb/file.ts";

const CREATIONS = 150;

test("a file that another process makes at this moment is not damaged", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-lmdb-file-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const script = `
    import { open } from "lmdb";
    for (let n = 0; n < ${CREATIONS}; n++) await open({ path: ${JSON.stringify(dir)} + "/" + n, noSubdir: true }).close();`;
  const maker = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    cwd: import.meta.dirname,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const ended = once(maker, "exit");
  for (let n = 0; n < CREATIONS; ) {
    const state = checkLmdbFile(join(dir, String(n)));
    assert.notEqual(state.kind, "damaged", `the ${n}th`);
    if (state.kind === "sound") n++;
    else if (maker.exitCode !== null) assert.fail(`the ${n}th was not made`);
    else if (n === 0) await new Promise(setImmediate);
  }
  assert.deepEqual(await ended, [0, null]);
});

test("one that is none, and was so for a while, is told at once", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-lmdb-file-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, "some.mdb");
  writeFileSync(path, "something else");
  utimesSync(path, 1, 1);
  const before = performance.now();
  assert.deepEqual(checkLmdbFile(path), { kind: "damaged", reason: "its first page is no LMDB page" });
  assert.ok(performance.now() - before < 450);
});
