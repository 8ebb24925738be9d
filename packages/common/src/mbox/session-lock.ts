/**
 * One POP3 session a mailbox.
 *
 * The session that holds the kernel's lock on `var/lib/mailhost/sessions/NAME` is the only one, among all processes
 * and within each. The file is empty and stays; the lock goes with the process, so nothing is left to clean.
 */
import { constants } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { nodeFileSystem } from "../fs/file-system.ts";
import { tryKernelLock } from "./kernel-lock.ts";
import type { MailboxPaths } from "./mailboxes.ts";
import { asMboxError } from "./mbox-error.ts";

/** The right to be the mailbox's session. */
export interface SessionLock {
  /** Gives it up; a second call does nothing. */
  release(): Promise<void>;
}

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;

/**
 * Makes this the mailbox's session.
 *
 * @returns undefined when another session has the mailbox
 * @throws MboxError when the lock file can not be made
 */
export async function lockSession(
  paths: MailboxPaths,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<SessionLock | undefined> {
  try {
    const open = () => fileSystem.open(paths.session, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    const file = await open().catch(async (error: unknown) => {
      if (errnoOf(error) !== "ENOENT") throw error;
      await fileSystem.mkdir(dirname(paths.session));
      return await open();
    });
    let held = false;
    try {
      held = tryKernelLock(file.fd);
    } finally {
      if (!held) await file.close();
    }
    if (!held) return undefined;
    return {
      async release() {
        if (!held) return;
        held = false;
        await file.close();
      },
    };
  } catch (error) {
    throw asMboxError(paths.session, error);
  }
}
