/**
 * A process that works on a mailbox, for tests that need another one, or one to kill.
 *
 *     mbox-child.ts ROOT NAME append TAG COUNT          appends COUNT messages, a lock each
 *     mbox-child.ts ROOT NAME kill-append CALLS         appends until its CALLS-th write, and dies in it
 *     mbox-child.ts ROOT NAME kill-remove CALLS         removes every other message likewise
 *     mbox-child.ts ROOT NAME leave                     plans the removal of every other message, and ends
 *     mbox-child.ts ROOT NAME append-large              appends 2 MiB and tells the fault
 *     mbox-child.ts ROOT NAME hold                      locks, says so, and holds until it is killed
 *
 * Each message that is on stable storage is told on standard output, `stored TAG NUMBER`.
 */
import { writeSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { systemClock } from "../../src/clock.ts";
import type { FileSystem } from "../../src/fs/file-system.ts";
import { nodeFileSystem } from "../../src/fs/file-system.ts";
import { silentLog } from "../../src/log/log.ts";
import { appendMessages } from "../../src/mbox/append.ts";
import type { LockedMailbox } from "../../src/mbox/lock.ts";
import { lockMailbox } from "../../src/mbox/lock.ts";
import { mailboxPaths } from "../../src/mbox/mailboxes.ts";
import { MboxError } from "../../src/mbox/mbox-error.ts";
import { beginRemoval, removeMessages } from "../../src/mbox/remove.ts";
import { siteAt } from "../../src/site.ts";
import { message } from "./mailbox-fixture.ts";
import { everyOther, numberedMessage } from "./numbered-messages.ts";

const [root = "", name = "", action = "", first = "", second = ""] = process.argv.slice(2);
const paths = mailboxPaths(siteAt(root), name);

/** A file system in which the process dies while its n-th write is under way. */
function deadly(calls: number): FileSystem {
  let left = calls;
  const wrap = (file: FileHandle): FileHandle =>
    new Proxy(file, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const result: unknown = value.apply(target, args);
          if (key === "write" && --left === 0) process.kill(process.pid, "SIGKILL");
          return result;
        };
      },
    });
  return { ...nodeFileSystem, open: async (...args) => wrap(await nodeFileSystem.open(...args)) };
}

async function lock(fileSystem: FileSystem = nodeFileSystem): Promise<LockedMailbox> {
  const options = { timeout: 60_000, clock: systemClock, log: silentLog, create: true, fileSystem };
  return (await lockMailbox(paths, options))!;
}

async function append(tag: string, count: number, fileSystem?: FileSystem): Promise<void> {
  for (let number = 0; number < count; number++) {
    const box = await lock(fileSystem);
    await appendMessages(box, [numberedMessage(tag, number)]);
    writeSync(1, `stored ${tag} ${number}\n`);
    await box.release();
  }
}

switch (action) {
  case "append":
    await append(first, Number(second));
    break;
  case "kill-append":
    await append("killed", 1_000_000, deadly(Number(first)));
    break;
  case "kill-remove": {
    const box = await lock(deadly(Number(first)));
    await removeMessages(box, await everyOther(box.file), 4096);
    break;
  }
  case "leave": {
    const box = await lock();
    await beginRemoval(box, await everyOther(box.file), 4096);
    process.exit(0);
    break;
  }
  case "append-large": {
    const box = await lock();
    const large = message("x".repeat(2 * 1024 * 1024), "a@example.com", 65_536);
    await appendMessages(box, [large]).catch((error: unknown) => {
      writeSync(1, `${error instanceof MboxError ? error.fault : String(error)}\n`);
    });
    // A signal is delivered between two turns of the event loop.
    await new Promise(setImmediate);
    await box.release();
    break;
  }
  default: {
    await lock();
    writeSync(1, "locked\n");
    setInterval(() => undefined, 60_000);
  }
}
