/**
 * A process that recovers a temporary drop, for tests that need one to kill.
 *
 *     temp-drop-child.ts ROOT NAME CALLS      dies in its CALLS-th change to a file (write, truncate, sync, unlink)
 */
import type { FileHandle } from "node:fs/promises";
import { systemClock } from "../../src/clock.ts";
import { type FileSystem, nodeFileSystem } from "../../src/fs/file-system.ts";
import { silentLog } from "../../src/log/log.ts";
import { lockMailbox } from "../../src/mbox/lock.ts";
import { mailboxPaths } from "../../src/mbox/mailboxes.ts";
import { recoverTempDrop, tempDropFiles } from "../../src/mbox/temp-drop.ts";
import { siteAt } from "../../src/site.ts";

const [root = "", name = "", calls = ""] = process.argv.slice(2);
let left = Number(calls);

function count(): void {
  if (--left === 0) process.kill(process.pid, "SIGKILL");
}

function wrap(file: FileHandle): FileHandle {
  return new Proxy(file, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        const result: unknown = value.apply(target, args);
        if (["write", "truncate", "sync"].includes(String(key))) count();
        return result;
      };
    },
  });
}

const fileSystem: FileSystem = {
  ...nodeFileSystem,
  open: async (...args) => wrap(await nodeFileSystem.open(...args)),
  unlink: async (path) => {
    await nodeFileSystem.unlink(path);
    count();
  },
};
const site = siteAt(root);
const paths = mailboxPaths(site, name);
const box = await lockMailbox(paths, {
  timeout: 20_000,
  clock: systemClock,
  log: silentLog,
  create: true,
  fileSystem,
});
for (const path of tempDropFiles(site, paths)) await recoverTempDrop(box!, path, []);
await box!.release();
