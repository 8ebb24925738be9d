/**
 * What is there of a mailbox whose account goes, and its way out: the mbox, mail that Qpopper left, the copies of the undo
 * window, the progress with bulletins. Its index is dropped by the server once the mbox is gone.
 */
import { existsSync, statSync } from "node:fs";
import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import { nodeFileSystem } from "@mailhost/common/fs/file-system";
import { syncFolder } from "@mailhost/common/fs/whole-io";
import type { Log } from "@mailhost/common/log/log";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { MboxError } from "@mailhost/common/mbox/mbox-error";
import { lockSession } from "@mailhost/common/mbox/session-lock";
import { tempDropFiles } from "@mailhost/common/mbox/temp-drop";
import { warnedFile } from "@mailhost/common/quota/warned";
import type { Site } from "@mailhost/common/site";
import { openProgressStore, progressFile } from "../bulletins/progress-store.ts";
import { removedFiles, removedFolder } from "./removed-messages.ts";

/** What there is. */
export interface MailboxRemains {
  /** The mbox; undefined when there is none. */
  readonly mailbox: { readonly path: string; readonly bytes: number } | undefined;
  /** Copies that `mailhost mailbox restore` could bring back; undefined when there are none. */
  readonly removed: { readonly folder: string; readonly files: number } | undefined;
}

/** Looks what there is. */
export async function mailboxRemains(site: Site, name: string): Promise<MailboxRemains> {
  const { mbox } = mailboxPaths(site, name);
  const found = statSync(mbox, { throwIfNoEntry: false });
  const { length: files } = await removedFiles(site, name);
  return {
    mailbox: found === undefined ? undefined : { path: mbox, bytes: found.size },
    removed: files === 0 ? undefined : { folder: removedFolder(site, name), files },
  };
}

/**
 * Removes all of it. The account must be gone: mail that came meanwhile would make the mailbox anew.
 *
 * @throws MboxError: `busy` while a session has the mailbox, or another program; others as they are met
 */
export async function purgeMailbox(
  site: Site,
  name: string,
  options: { readonly clock: Clock; readonly log: Log; readonly lockTimeout: number },
): Promise<void> {
  const { clock, log, lockTimeout: timeout } = options;
  const paths = mailboxPaths(site, name);
  const session = await lockSession(paths);
  if (session === undefined)
    throw new MboxError("busy", paths.mbox, "has a POP3 session; try again after it");
  try {
    const box = await lockMailbox(paths, { timeout, clock, log });
    try {
      if (box !== undefined) {
        await nodeFileSystem.unlink(paths.mbox);
        await syncFolder(nodeFileSystem, dirname(paths.mbox));
      }
    } finally {
      await box?.release();
    }
    for (const path of tempDropFiles(site, paths)) await rm(path, { force: true });
    await rm(removedFolder(site, name), { recursive: true, force: true });
    if (existsSync(progressFile(site))) await forgetProgress(site, name);
    await rm(paths.journal, { force: true });
    await rm(warnedFile(site, name), { force: true });
    await rm(paths.session, { force: true });
  } finally {
    await session.release();
  }
}

async function forgetProgress(site: Site, name: string): Promise<void> {
  const progress = openProgressStore(site);
  try {
    await progress.forget(name);
  } finally {
    await progress.close();
  }
}
