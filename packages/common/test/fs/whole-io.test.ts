import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeFileSystem } from "../../src/fs/file-system.ts";
import { makeFolder, readWhole, syncFolder, writeWhole } from "../../src/fs/whole-io.ts";

/** A handle that moves at most `most` bytes a call. */
function miserly(file: FileHandle, most: number): FileHandle {
  return new Proxy(file, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      if (key !== "read" && key !== "write") return value.bind(target);
      return (bytes: Buffer, offset: number, length: number, position: number): unknown =>
        value.call(target, bytes, offset, Math.min(length, most), position);
    },
  });
}

test("all bytes are written and read, however few the system takes at a time", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-io-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "file");
  const file = await open(path, "w+");
  await writeWhole(miserly(file, 3), Buffer.from("0123456789"), 2);
  assert.equal(readFileSync(path, "latin1"), "\0\0" + "0123456789");
  const into = Buffer.alloc(7);
  assert.equal(await readWhole(miserly(file, 2), into, 3), 7);
  assert.equal(into.toString(), "1234567");
  assert.equal(await readWhole(file, into, 10), 2, "the file ends");
  await file.close();
  await syncFolder(nodeFileSystem, folder);
  await assert.rejects(syncFolder(nodeFileSystem, path), { code: "ENOTDIR" });
});

test("a folder may be made by several at once", async (t) => {
  const top = mkdtempSync(join(tmpdir(), "mailhost-fs-"));
  t.after(() => rmSync(top, { recursive: true, force: true }));
  const made = ["a", "b", "c"].map((name) => makeFolder(nodeFileSystem, join(top, "state/journal", name)));
  await Promise.all(made);
  assert.deepEqual(readdirSync(join(top, "state/journal")).sort(), ["a", "b", "c"]);
});
