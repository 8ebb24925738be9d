/**
 * Takes what ordinary users' `sendmail` left in the drop folder into the queue.
 *
 * A file is removed after the commit that queues it. That commit notes the file's name, so a crash in between leaves a
 * file that the next look removes without queueing it again. A file that is no submission is set aside under the name
 * `bad-NAME` and named in the log; the rest goes on.
 */
import { type FSWatcher, watch } from "node:fs";
import { lstat, open, opendir, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, delay } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { EX_TEMPFAIL } from "@mailhost/common/sysexits";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { QueueStore } from "../queue/queue-store.ts";
import type { Submission, Submitted } from "./accept-submission.ts";
import { type AwaitedDrops, submitDrop } from "./awaited-drops.ts";
import { isDropName, isUnfinishedName, unfinishedName } from "./drop-file.ts";
import { openDropFile } from "./drop-reader.ts";
import type { LocalUser } from "./local-user.ts";

/** What it works with. */
export interface CollectorParts {
  readonly dir: string;
  readonly store: Pick<QueueStore, "queuedDrop" | "queuedDrops" | "forgetDrop">;
  readonly accept: (submission: Submission) => Promise<Submitted>;
  /** Told of each message that has been queued. */
  readonly submitted: (entry: QueueEntry) => void;
  readonly userOf: (uid: number) => LocalUser;
  readonly maxSize: () => number;
  readonly log: Log;
  readonly clock: Clock;
  /** Those for whose fate somebody waits; absent: there are none. */
  readonly awaited?: AwaitedDrops;
  /** The file system's calls that change something; tests make them fail. */
  readonly fs?: CollectorFs;
}

/** Calls that change the folder. */
export interface CollectorFs {
  readonly unlink: (path: string) => Promise<void>;
  readonly rename: (from: string, to: string) => Promise<void>;
}

/** A running collector. */
export interface DropCollector {
  /** Looks into the folder now; resolves when everything in it has been dealt with. */
  collect(): Promise<void>;
  /** Somebody says that there is something. */
  notice(): void;
  /** Begins no more; resolves when the message under way is done. */
  close(): Promise<void>;
}

/** How often the folder's time is looked at (ms), besides what the system tells. */
const POLL = 1000;
/** When a file that could not be queued is looked at again (ms). */
const RETRY = 30_000;
/** A file that has not been finished for so long never will be (ms). */
const ABANDONED = 3 * 24 * 3_600_000;
/** Two changes within this time may bear the same time stamp (ms). */
const STAMP = 50;

/** Starts it; the first look is at once. */
export function startDropCollector(parts: CollectorParts): DropCollector {
  let open = true;
  let noticed = true;
  let wake: () => void = () => undefined;
  const notice = () => {
    noticed = true;
    wake();
  };
  let turn: Promise<void> = Promise.resolve();
  const collect = () => {
    turn = turn.then(async () => {
      const left = await collectAll(parts, () => open);
      if (left > 0) parts.clock.after(RETRY, notice);
    });
    return turn;
  };
  const watcher = watchFolder(parts.dir, notice);
  const loop = async () => {
    let seen = 0;
    while (open) {
      const changed = await changeTime(parts.dir);
      if (noticed || changed !== seen) {
        noticed = false;
        const before = Date.now();
        await collect();
        // What came while we looked may share a time stamp with what we saw.
        seen = changed < before - STAMP ? changed : 0;
      }
      if (!open) return;
      await Promise.race([
        delay(parts.clock, POLL),
        new Promise<void>((done) => {
          wake = done;
          if (noticed) done();
        }),
      ]);
    }
  };
  const running = loop();
  return {
    collect,
    notice,
    async close() {
      open = false;
      watcher?.close();
      wake();
      await running;
      await turn;
    },
  };
}

function watchFolder(dir: string, notice: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(dir, { persistent: false }, notice);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    // No folder, or no watches left: the look at its time once a second finds everything too.
    return undefined;
  }
}

/** ms; 0 when there is no folder. */
async function changeTime(dir: string): Promise<number> {
  try {
    return (await stat(dir)).mtimeMs;
  } catch {
    return 0;
  }
}

/** @returns how many files stay for later */
async function collectAll(parts: CollectorParts, goesOn: () => boolean): Promise<number> {
  let left = 0;
  try {
    for await (const { name } of await opendir(parts.dir)) {
      if (!goesOn()) break;
      if (isUnfinishedName(name)) await removeAbandoned(parts, name);
      if (isDropName(name) && (await takeSafely(parts, name)) === "left") left += 1;
    }
    await forgetGone(parts);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT")
      parts.log.write("error", `SYSERR(drop): ${parts.dir} cannot be read: ${messageOf(error)}`);
  }
  return left;
}

/** Forgets the notes of files that are gone for good, also those whose files went when a daemon died. */
async function forgetGone({ dir, store }: CollectorParts): Promise<void> {
  const gone: string[] = [];
  for (const name of store.queuedDrops()) {
    // One that is being given its name has one of the two at any time, in this order.
    const there = (await isThere(join(dir, unfinishedName(name)))) || (await isThere(join(dir, name)));
    if (isDropName(name) && !there) gone.push(name);
  }
  if (gone.length === 0) return;
  await syncFolder(dir);
  await Promise.all(gone.map((name) => store.forgetDrop(name)));
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

/** Nobody was told that an unfinished file was accepted; after so long whoever wrote it is gone. */
async function removeAbandoned(parts: CollectorParts, name: string): Promise<void> {
  const path = join(parts.dir, name);
  const { unlink: remove } = parts.fs ?? { unlink };
  try {
    if (Date.now() - (await lstat(path)).mtimeMs < ABANDONED) return;
    await remove(path);
    parts.log.write("info", `drop: ${path}: message was never accepted; its file is removed`);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") parts.log.write("warn", `drop: ${path}: ${messageOf(error)}`);
  }
}

/** What became of a file: it is no longer our concern, or it stays for later. */
type Taken = "settled" | "left";

async function takeSafely(parts: CollectorParts, name: string): Promise<Taken> {
  await parts.awaited?.settled(name);
  try {
    return await take(parts, name);
  } catch (error) {
    // A full disk, perhaps: the file stays and is tried at the next look.
    parts.log.write("error", `SYSERR(drop): ${join(parts.dir, name)} stays for later: ${messageOf(error)}`);
    return "left";
  }
}

async function take(parts: CollectorParts, name: string): Promise<Taken> {
  const path = join(parts.dir, name);
  const { unlink: remove } = parts.fs ?? { unlink };
  if (parts.store.queuedDrop(name) !== undefined) {
    await remove(path);
    return "settled";
  }
  const read = await openDropFile(path, parts.maxSize());
  if (read.kind === "absent") return "settled";
  if (read.kind === "bad") {
    await setAside(parts, name, read.reason);
    return "settled";
  }
  const { uid } = read.drop;
  const result = await submitDrop(parts, read.drop, name, "sender");
  if (result.entry === undefined) {
    if (result.exitCode === EX_TEMPFAIL) throw new Error(result.complaints.join("; "));
    await setAside(parts, name, `from ${parts.userOf(uid).name}: ${result.complaints.join("; ")}`);
    return "settled";
  }
  parts.submitted(result.entry);
  await remove(path);
  return "settled";
}

async function setAside(parts: CollectorParts, name: string, reason: string): Promise<void> {
  const { rename: move } = parts.fs ?? { rename };
  const aside = join(parts.dir, `bad-${name}`);
  await move(join(parts.dir, name), aside);
  parts.log.write("error", `SYSERR(drop): ${aside}: not taken: ${reason}`);
}

async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
