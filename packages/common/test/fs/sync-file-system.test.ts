import assert from "node:assert/strict";
import { constants, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { nodeFileSystem } from "../../src/fs/file-system.ts";
import { syncFileSystem } from "../../src/fs/sync-file-system.ts";

const { O_CREAT, O_EXCL, O_RDWR } = constants;

test("synchronous calls do what the asynchronous ones do", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-sync-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const left: unknown[] = [];
  for (const [name, files] of Object.entries({ sync: syncFileSystem, node: nodeFileSystem })) {
    const path = join(folder, name);
    await files.mkdir(path);
    const file = await files.open(join(path, "a"), O_RDWR | O_CREAT | O_EXCL, 0o600);
    assert.ok(file.fd >= 0);
    const { bytesWritten } = await file.write(Buffer.from("xhello"), 1, 5, 2);
    await file.chmod(0o640);
    await file.truncate(6);
    await file.datasync();
    await file.sync();
    const into = Buffer.alloc(8);
    const { bytesRead } = await file.read(into, 1, 7, 1);
    const { size, mode } = await file.stat();
    await file.close();
    assert.equal(file.fd, -1);
    await file.close();
    await files.rename(join(path, "a"), join(path, "b"));
    const names = await files.readdir(path);
    const sizes = [(await files.stat(join(path, "b"))).size, (await files.lstat(join(path, "b"))).size];
    const text = readFileSync(join(path, "b"), "latin1");
    await files.unlink(join(path, "b"));
    await files.rmdir(path);
    left.push([bytesWritten, bytesRead, into.toString("latin1"), size, mode & 0o777, names, sizes, text]);
  }
  assert.deepEqual(left[0], left[1]);
});

test("many syncs at once are all made, one that fails among them", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-sync-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const open = (i: number) => syncFileSystem.open(join(folder, String(i)), O_RDWR | O_CREAT);
  const files = await Promise.all(Array.from({ length: 20 }, (_, i) => open(i)));
  await files[7]!.close();
  for (let round = 0; round < 2; round++) {
    const synced = await Promise.allSettled(files.map((file, i) => (i % 2 ? file.datasync() : file.sync())));
    assert.deepEqual(
      synced.flatMap(({ status }, i) => (status === "rejected" ? [i] : [])),
      [7],
    );
  }
  for (const file of files) await file.close();
});

test("errors are the system's, and reject", async () => {
  for (const files of [syncFileSystem, nodeFileSystem]) {
    await assert.rejects(files.open("/nowhere/x", O_RDWR), { code: "ENOENT", syscall: "open" });
    await assert.rejects(files.rmdir("/nowhere/x"), { code: "ENOENT", syscall: "rmdir" });
    await assert.rejects(files.readdir("/nowhere"), { code: "ENOENT", syscall: "scandir" });
  }
});
