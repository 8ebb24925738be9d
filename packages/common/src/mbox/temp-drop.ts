/**
 * Temporary drops that Qpopper left over: `.NAME.pop` beside the mailbox, which holds the mail of a session that did not end
 * well. Its messages are put back, in the order in which the session had them, before what has come since.
 *
 * Qpopper may have died while it copied either way, so a message can be in both files; it is one message then, and the
 * mailbox's copy counts. The drop is emptied and removed only when all of it is in the mailbox and on stable storage: whoever
 * dies before leaves it to the next, for whom every message is in the mailbox already. In a spool with the sticky bit (1777)
 * a drop of the user's own cannot be removed by us; an empty one is as good as none and stays.
 */
import type { Stats } from "node:fs";
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { counted } from "../counted.ts";
import { errnoOf } from "../errors.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { readWhole, syncFolder } from "../fs/whole-io.ts";
import type { Site } from "../site.ts";
import { lockHolder } from "./foreign-locks.ts";
import { tryKernelLock } from "./kernel-lock.ts";
import type { LockedMailbox } from "./lock.ts";
import { splitMailboxName } from "./mailbox-name.ts";
import type { MailboxPaths } from "./mailboxes.ts";
import { asMboxError } from "./mbox-error.ts";
import { mergedPieces } from "./merge-mailboxes.ts";
import { replaceTail } from "./replace-tail.ts";

/** What a temporary drop that is not empty came to. */
export type TempDropOutcome =
  | { readonly kind: "recovered"; readonly messages: number }
  /** It stays, and why; `passing`: as long as another program is at work on it. */
  | { readonly kind: "left"; readonly reason: string; readonly passing: boolean };

/** Where a mailbox's temporary drop can be: beside the mailbox, and in the spool itself or in the folder of its domain. */
export function tempDropFiles(site: Pick<Site, "spoolDir">, { mbox, name }: MailboxPaths): string[] {
  const { user, domain } = splitMailboxName(name);
  const file = `.${user}.pop`;
  return [...new Set([join(dirname(mbox), file), join(site.spoolDir, domain, file)])];
}

/** The mailbox whose temporary drop has that name; undefined when it is none. */
export function tempDropOwner(file: string): string | undefined {
  return /^\.(.+)\.pop$/.exec(file)?.[1];
}

/** Whether there is a temporary drop that is not empty. Costs one lstat(2). */
export async function hasTempDrop(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    return (await fileSystem.lstat(path)).size > 0;
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR" || errno === "EACCES") return false;
    throw error;
  }
}

const { O_RDWR, O_NOFOLLOW, O_NONBLOCK } = constants;
const OTHERS_WRITE = 0o002;

/**
 * Puts back what a temporary drop holds, and removes it.
 *
 * @param owners user ids whose drop it may be besides ours and the mailbox's owner
 * @returns undefined when it is empty or not there
 * @throws MboxError; mailbox and drop are then as they were, or finished by whoever comes next
 */
export async function recoverTempDrop(
  box: LockedMailbox,
  path: string,
  owners: readonly number[],
): Promise<TempDropOutcome | undefined> {
  const { fileSystem } = box;
  if (!(await hasTempDrop(fileSystem, path))) return undefined;
  let drop: FileHandle;
  try {
    drop = await fileSystem.open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") return undefined;
    if (errno === "ELOOP" || errno === "ENXIO" || errno === "EISDIR") return left("is not a plain file");
    if (errno === "EACCES" || errno === "EPERM") return left("may not be read and written by us");
    throw asMboxError(path, error);
  }
  try {
    const refusal = await refusalOf(drop, await box.file.stat(), owners);
    if (refusal !== undefined) return left(refusal);
    const user = await userOf(drop);
    return user === undefined ? await putBack(box, path, drop) : left(user, true);
  } catch (error) {
    throw asMboxError(path, error);
  } finally {
    await drop.close();
  }
}

function left(reason: string, passing = false): TempDropOutcome {
  return { kind: "left", reason, passing };
}

/** Why a drop is not touched; undefined when it may be. */
async function refusalOf(
  drop: FileHandle,
  mbox: Stats,
  owners: readonly number[],
): Promise<string | undefined> {
  const stat = await drop.stat();
  if (!stat.isFile()) return "is not a plain file";
  if (stat.nlink !== 1) return `has ${stat.nlink} names`;
  if (![...owners, mbox.uid, process.geteuid?.()].includes(stat.uid)) return `belongs to user id ${stat.uid}`;
  return (stat.mode & OTHERS_WRITE) === 0 ? undefined : "can be written by everybody";
}

/** Who has a drop in hand; undefined when nobody has. */
async function userOf(drop: FileHandle): Promise<string | undefined> {
  // A lock of fcntl's kind collides with ours; Qpopper's is flock's. Ours would be in the list too.
  const holder = (await lockHolder(await drop.stat())) ?? (tryKernelLock(drop.fd) ? undefined : -1);
  if (holder === undefined) return undefined;
  return holder > 0 ? `process ${holder} is at work on it` : "another program is at work on it";
}

async function putBack(box: LockedMailbox, path: string, drop: FileHandle): Promise<TempDropOutcome> {
  const { size } = await drop.stat();
  if (!(await beginsWith(box.file, drop, size))) {
    // Mail that a program with no lock appends while both are read is not in the pieces.
    const before = (await box.file.stat()).size;
    const { pieces, added, junk } = await mergedPieces(box.file, drop);
    if (added > 0) await replaceTail(box, 0, pieces, before);
    if (junk > 0) return await setAside(box.fileSystem, path, added, junk);
    await empty(box.fileSystem, path, drop);
    return { kind: "recovered", messages: added };
  }
  // It is the copy that Qpopper makes at a login, and the mailbox has not been emptied yet.
  await empty(box.fileSystem, path, drop);
  return { kind: "recovered", messages: 0 };
}

/** Whether a mailbox begins with all bytes of a drop. */
async function beginsWith(mbox: FileHandle, drop: FileHandle, size: number): Promise<boolean> {
  if ((await mbox.stat()).size < size) return false;
  const [a, b] = [Buffer.alloc(64 * 1024), Buffer.alloc(64 * 1024)];
  for (let at = 0; at < size; at += a.length) {
    const read = await readWhole(mbox, a.subarray(0, Math.min(a.length, size - at)), at);
    if ((await readWhole(drop, b.subarray(0, read), at)) < read || read === 0) return false;
    if (!a.subarray(0, read).equals(b.subarray(0, read))) return false;
  }
  return true;
}

async function empty(fileSystem: FileSystem, path: string, drop: FileHandle): Promise<void> {
  await drop.truncate(0);
  await drop.sync();
  try {
    await fileSystem.unlink(path);
  } catch (error) {
    if (mayNot(error)) return;
    throw error;
  }
  await syncFolder(fileSystem, dirname(path));
}

/** Whether the folder does not let us rename or remove the file. */
function mayNot(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "EPERM" || errno === "EACCES";
}

/** What is no message is not destroyed: the file is kept under another name, for somebody to look at. */
async function setAside(
  fileSystem: FileSystem,
  path: string,
  messages: number,
  junk: number,
): Promise<TempDropOutcome> {
  const aside = await freeName(fileSystem, `${path}.damaged`);
  const were = messages === 1 ? "was" : "were";
  const found = messages === 0 ? "" : `had ${counted(messages, "message")} that ${were} put back, and `;
  const reason = `${found}has ${junk} bytes that belong to no message`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (!mayNot(error)) throw error;
    return left(`${reason}; the spool does not let us rename it: move it away as root`);
  }
  await syncFolder(fileSystem, dirname(path));
  return left(`${reason}; it is kept as ${aside}`);
}

/** The name, or with a number behind it, under which there is nothing: an earlier file's bytes are kept as well. */
async function freeName(fileSystem: FileSystem, path: string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? path : `${path}.${number}`;
    try {
      await fileSystem.lstat(name);
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return name;
      throw error;
    }
  }
}
