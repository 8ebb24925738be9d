/**
 * The undo window (pop3.keepRemoved): what QUIT removes is copied first to `var/lib/mailhost/removed/NAME/TIME.mbox`, an mbox of
 * mode 0600 that any mail reader reads, on stable storage before the plan of the removal is.
 *
 * The copy is byte for byte what stood in the mailbox, but for an X-UIDL field behind the `From ` line of messages whose id
 * does not follow from their bytes, so that whoever brings them back gives clients the id that they know. A copy that
 * was not written to its end is called `.TIME.mbox` and is nobody's.
 */
import { constants, existsSync, statSync, utimesSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { type FileSystem, nodeFileSystem } from "@mailhost/common/fs/file-system";
import { makeFolder, readWhole, syncFolder, writeWhole } from "@mailhost/common/fs/whole-io";
import type { Log } from "@mailhost/common/log/log";
import type { LockedMailbox } from "@mailhost/common/mbox/lock";
import { mailboxNameFault } from "@mailhost/common/mbox/mailboxes";
import { asMboxError } from "@mailhost/common/mbox/mbox-error";
import type { Site } from "@mailhost/common/site";
import type { MailboxIndex } from "./mailbox-index.ts";
import { formatOf } from "./refresh.ts";
import { readHeader, withFields } from "./status-fields.ts";

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
const COPY = 256 * 1024;
const LF = 10;
const SUFFIX = ".mbox";
/** How often what is over its time is looked for, ms. */
const SWEEP = 3_600_000;
/** A copy not written to its end is kept so long, ms. */
const TORN = 86_400_000;

/** A copy that was made. */
export interface Kept {
  /** Removes it again. Never rejects. */
  discard(): Promise<void>;
}

/** Where the copies of a mailbox are. */
export function removedFolder(site: Site, name: string): string {
  return join(site.stateDir, "removed", name);
}

/** The copies of a mailbox, oldest first: their paths, and when they were made, ms. */
export async function removedFiles(
  site: Site,
  name: string,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<{ readonly path: string; readonly at: number }[]> {
  const folder = removedFolder(site, name);
  const entries = (await entriesOf(fileSystem, folder)).filter((entry) => !entry.startsWith("."));
  return entries
    .map((entry) => ({ path: join(folder, entry), at: timeOf(entry) }))
    .filter(({ at }) => !Number.isNaN(at))
    .sort((a, b) => a.at - b.at || (a.path < b.path ? -1 : 1));
}

/**
 * Copies messages of a locked mailbox.
 *
 * @param numbers their indexes, from 0, in their order
 * @throws MboxError when they can not all be copied; no copy is left then
 */
export async function keepRemoved(
  { site, clock }: { readonly site: Site; readonly clock: Clock },
  box: LockedMailbox,
  index: MailboxIndex,
  numbers: readonly number[],
): Promise<Kept> {
  const { fileSystem, log } = box;
  const folder = removedFolder(site, box.paths.name);
  let torn: string | undefined;
  try {
    await makeFolder(fileSystem, folder);
    const made = await create(fileSystem, folder, clock.now());
    torn = made.torn;
    try {
      await copyMessages(box.file, made.file, index, numbers);
      await made.file.sync();
    } finally {
      await made.file.close();
    }
    await fileSystem.rename(made.torn, made.path);
    torn = made.path;
    await syncFolder(fileSystem, folder);
    return { discard: () => discard(fileSystem, made.path, log) };
  } catch (error) {
    if (torn !== undefined) await discard(fileSystem, torn, log);
    throw asMboxError(folder, error);
  }
}

async function discard(fileSystem: FileSystem, path: string, log: Log): Promise<void> {
  try {
    await fileSystem.unlink(path);
  } catch (error) {
    log.write("warn", `${path}: can not be removed: ${messageOf(error)}`);
  }
}

/** Makes a file named by the time; a later one when there is one of that time. */
async function create(
  fileSystem: FileSystem,
  folder: string,
  time: number,
): Promise<{ file: FileHandle; torn: string; path: string }> {
  for (let at = time; ; at++) {
    const name = `${new Date(at).toISOString().replaceAll(":", "")}${SUFFIX}`;
    const [torn, path] = [join(folder, `.${name}`), join(folder, name)];
    if (await isThere(fileSystem, path)) continue;
    try {
      return {
        file: await fileSystem.open(torn, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
        torn,
        path,
      };
    } catch (error) {
      if (errnoOf(error) !== "EEXIST") throw error;
    }
  }
}

async function isThere(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    await fileSystem.lstat(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

async function copyMessages(
  from: FileHandle,
  to: FileHandle,
  index: MailboxIndex,
  numbers: readonly number[],
): Promise<void> {
  const { messages } = index;
  // Under another rule than our own an id does not follow from the message alone.
  const plain = formatOf(index) === "default";
  const buffer = Buffer.allocUnsafe(COPY);
  let at = 0;
  let used = 0;
  const flush = async () => {
    await writeWhole(to, buffer.subarray(0, used), at);
    at += used;
    used = 0;
  };
  const copy = async (start: number, end: number) => {
    for (let done = start; done < end; ) {
      const room = buffer.subarray(used, used + Math.min(COPY - used, end - done));
      if ((await readWhole(from, room, done)) < room.length) throw new Error(`the mbox ends before ${end}`);
      used += room.length;
      done += room.length;
      if (used === COPY) await flush();
    }
  };
  const put = async (text: string) => {
    if (used + text.length > COPY) await flush();
    used += buffer.write(text, used, "latin1");
  };
  for (const number of numbers) {
    const message = messages.at(number)!;
    const header = await readHeader(from, message);
    const fields =
      header === undefined || (plain && saysItsId(header, message))
        ? undefined
        : withFields(header, { uid: message.uid });
    await copy(message.start, message.head);
    if (fields === undefined || header === undefined) await copy(message.head, message.end);
    else {
      await put(fields);
      await copy(message.head + header.length, message.end);
    }
    // What stands behind it up to the next may be junk of another program; what a reader needs is an empty line.
    const last = Buffer.alloc(1);
    const ended = (await readWhole(from, last, message.end - 1)) === 1 && last[0] === LF;
    await put(ended ? "\n" : "\n\n");
  }
  await flush();
}

/** A message with no X-UIDL field whose id is its digest is called that again. */
function saysItsId(header: string, { uid, digest }: { uid: string; digest: string }): boolean {
  return uid === digest && !/^x-uidl[ \t]*:/im.test(header);
}

/** Removes copies that are over their time; never rejects. */
export async function sweepRemoved(
  site: Site,
  keep: number,
  { clock, log, fileSystem = nodeFileSystem }: { clock: Clock; log: Log; fileSystem?: FileSystem },
): Promise<void> {
  const top = join(site.stateDir, "removed");
  const now = clock.now();
  try {
    for (const name of await entriesOf(fileSystem, top)) {
      if (mailboxNameFault(name) !== undefined) continue;
      for (const entry of await entriesOf(fileSystem, join(top, name))) {
        const at = timeOf(entry.startsWith(".") ? entry.slice(1) : entry);
        const age = now - at;
        const over = entry.startsWith(".") ? age > TORN : age >= keep;
        if (over) await discard(fileSystem, join(top, name, entry), log);
      }
    }
  } catch (error) {
    log.write("warn", `${top}: can not be swept: ${messageOf(error)}`);
  }
}

/** Notes the time of a sweep; for processes of one session each, of which there may be many a second. */
const STAMP = ".swept";

/**
 * Whether an hour has gone by since any process swept; if so, the next that asks is told that it has not.
 *
 * @throws errors of the system
 */
export function isSweepDue(site: Site, now: number): boolean {
  const folder = join(site.stateDir, "removed");
  const stamp = join(folder, STAMP);
  const last = statSync(stamp, { throwIfNoEntry: false })?.mtimeMs;
  if (last !== undefined && Math.abs(now - last) < SWEEP) return false;
  // Nothing was ever removed.
  if (!existsSync(folder)) return false;
  writeFileSync(stamp, "", { mode: 0o600 });
  utimesSync(stamp, now / 1000, now / 1000);
  return true;
}

/**
 * Sweeps now and every hour, until it is told to stop.
 *
 * @param first `when due`: only if no other process has swept within an hour
 */
export function sweepEveryHour(
  site: Site,
  keep: () => number,
  parts: { readonly clock: Clock; readonly log: Log; readonly first: "now" | "when due" },
): { stop(): Promise<void> } {
  let stopped = false;
  let timer: ReturnType<Clock["after"]> | undefined;
  let sweeping: Promise<void> = Promise.resolve();
  const sweep = () => {
    sweeping = sweepRemoved(site, keep(), parts).then(() => {
      if (!stopped) timer = parts.clock.after(SWEEP, sweep);
    });
  };
  if (parts.first === "now" || isDue(site, parts)) sweep();
  return {
    async stop() {
      stopped = true;
      timer?.cancel();
      await sweeping;
    },
  };
}

function isDue(site: Site, { clock, log }: { readonly clock: Clock; readonly log: Log }): boolean {
  try {
    return isSweepDue(site, clock.now());
  } catch (error) {
    log.write("warn", `${join(site.stateDir, "removed")}: can not be swept: ${messageOf(error)}`);
    return false;
  }
}

/** The time in a copy's name, ms; NaN for another name. */
function timeOf(entry: string): number {
  const [, date, hours, minutes, seconds] =
    /^(\d{4}-\d\d-\d\d)T(\d\d)(\d\d)(\d\d\.\d{3})Z\.mbox$/.exec(entry) ?? [];
  return Date.parse(`${date}T${hours}:${minutes}:${seconds}Z`);
}

async function entriesOf(fileSystem: FileSystem, folder: string): Promise<string[]> {
  try {
    return await fileSystem.readdir(folder);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "")) return [];
    throw error;
  }
}
