/**
 * One POP3 session a mailbox.
 *
 * The session that holds the kernel's lock on `var/lib/mailhost/sessions/NAME` is the only one, among all processes
 * and within each. The file is empty and stays; the lock goes with the process, so nothing is left to clean. It lies beside the
 * LMDB files, on a disk of this host: opening it keeps nobody waiting, and is done at once.
 */
import { closeSync, constants, fchownSync, lchownSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";
import { tryKernelLock } from "./kernel-lock.ts";
import type { MailboxPaths } from "./mailboxes.ts";
import { asMboxError } from "./mbox-error.ts";

/** The right to be the mailbox's session. */
export interface SessionLock {
  /** Gives it up; a second call does nothing. */
  release(): Promise<void>;
}

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/**
 * Makes this the mailbox's session.
 *
 * @returns undefined when another session has the mailbox
 * @throws MboxError when the lock file can not be made
 */
export async function lockSession(paths: MailboxPaths): Promise<SessionLock | undefined> {
  try {
    const fd = openOrMake(paths.session);
    let held = false;
    try {
      held = tryKernelLock(fd);
    } finally {
      if (!held) closeSync(fd);
    }
    if (!held) return undefined;
    return {
      async release() {
        if (!held) return;
        held = false;
        closeSync(fd);
      },
    };
  } catch (error) {
    throw asMboxError(paths.session, error);
  }
}

function openOrMake(path: string): number {
  const flags = O_RDWR | O_NOFOLLOW;
  try {
    return openSync(path, flags);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  const folder = dirname(path);
  const stateDir = dirname(folder);
  // What is above is for everybody to pass.
  mkdirSync(dirname(stateDir), { recursive: true, mode: 0o755 });
  mkdirSync(stateDir, { recursive: true, mode: 0o750 });
  const made = mkdirSync(folder, { recursive: true, mode: 0o750 });
  if (made !== undefined) giveToOwnerAbove(folder);
  try {
    const fd = openSync(path, flags | O_CREAT | O_EXCL, 0o600);
    giveToOwnerAbove(path, fd);
    return fd;
  } catch (error) {
    // Another process was faster.
    if (errnoOf(error) !== "EEXIST") throw error;
    return openSync(path, flags | O_CREAT, 0o600);
  }
}

/** What a command of root's makes must be the servers', who are not root: nobody could log in otherwise. */
function giveToOwnerAbove(path: string, fd?: number): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  if (uid === 0) return;
  if (fd === undefined) lchownSync(path, uid, gid);
  else fchownSync(fd, uid, gid);
}
