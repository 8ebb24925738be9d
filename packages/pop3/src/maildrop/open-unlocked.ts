/**
 * Opens a mailbox to which nothing was done since its index was made, without its lock: a login that only looks makes no
 * file in the spool and waits for nobody.
 *
 * docs/mbox-and-locking.md says why that is safe. Whatever is in doubt is left to the lock.
 */
import { constants, statSync } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf } from "@mailhost/common/errors";
import type { MailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { UidFormat } from "@mailhost/common/settings/pop3-settings";
import type { IndexStore } from "./index-store.ts";
import {
  type FileIdentity,
  identityOf,
  isSameFile,
  isUntouched,
  type MailboxIndex,
} from "./mailbox-index.ts";
import { formatOf, isIntact } from "./refresh.ts";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** What it needs. */
export interface UnlockedParts {
  readonly store: IndexStore;
  readonly clock: Clock;
  readonly uidFormat: UidFormat;
}

/** An mbox, open for reading, and its index. */
export interface OpenedUnlocked {
  readonly file: FileHandle;
  readonly index: MailboxIndex;
}

/** Times of files move in ticks; two changes within so many ms may leave the same time. */
const SETTLED = 1000;

/** Opens the mailbox when all agrees that nothing was done to it; undefined when it has to be locked and looked at. */
export async function openUnlocked(
  { store, clock, uidFormat }: UnlockedParts,
  paths: MailboxPaths,
): Promise<OpenedUnlocked | undefined> {
  const index = await store.read(paths.name);
  if (index === undefined || index.outdated === true || formatOf(index) !== uidFormat) return undefined;
  if (!(await isQuiet(paths))) return undefined;
  const file = await openThere(paths.mbox);
  if (file === undefined) return undefined;
  let opened: OpenedUnlocked | undefined;
  try {
    const [identity, intact] = await Promise.all([identityOf(file), isIntact(file, index)]);
    if (!isUntouched(index.identity, identity) || !isSettled(identity, clock.now()) || !intact)
      return undefined;
    // Somebody may have begun while this was going on. Nobody's work hides between these: what is done to the file later
    // is noticed where it is read, as if it had begun after all of them.
    const [now, inPlace, quiet] = await Promise.all([
      identityOf(file),
      isInPlace(paths, identity),
      isQuiet(paths),
    ]);
    if (isUntouched(identity, now) && inPlace && quiet) opened = { file, index };
    return opened;
  } finally {
    if (opened === undefined) await file.close();
  }
}

/** Whether nobody says that he works on the mailbox, and no work was left undone. */
async function isQuiet({ lock, journal }: MailboxPaths): Promise<boolean> {
  return (await isMissing(lock)) && isEmpty(journal);
}

/** Whether a file is empty or not there. It is beside the index, so nobody has to be let go on meanwhile. */
function isEmpty(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

async function isMissing(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return false;
  } catch (error) {
    // Any other failure is met again, and told, where the lock is taken.
    return errnoOf(error) === "ENOENT";
  }
}

/** The mbox; undefined when it can not be opened, which is told where it is locked. */
async function openThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return undefined;
  }
}

async function isInPlace({ mbox }: MailboxPaths, identity: FileIdentity): Promise<boolean> {
  try {
    const { dev, ino } = await lstat(mbox, { bigint: true });
    return isSameFile(identity, { ...identity, dev, ino });
  } catch {
    return false;
  }
}

/** Whether the file's last change is so long ago that any later one has another time. */
function isSettled({ ctimeNs }: FileIdentity, now: number): boolean {
  const age = now - Number(ctimeNs / 1_000_000n);
  return age > SETTLED;
}
