/**
 * Where a mailbox and its companions are.
 *
 * A mailbox's name is the account's name in lower case: `alice`, or `alice@a.example`, which is `a.example/alice` in the spool
 * and one name elsewhere.
 */
import type { Stats } from "node:fs";
import { chmod, mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "../errors.ts";
import { type FileSystem, nodeFileSystem } from "../fs/file-system.ts";
import { syncFolder } from "../fs/whole-io.ts";
import type { Site } from "../site.ts";
import { mailboxNameFault } from "./mailbox-name.ts";
import { MboxError } from "./mbox-error.ts";

export { mailboxNameFault } from "./mailbox-name.ts";

/** Absolute paths of one mailbox. */
export interface MailboxPaths {
  /** The mailbox's name. */
  readonly name: string;
  /** The mbox itself, `var/spool/mail/NAME` or `var/spool/mail/DOMAIN/NAME`. */
  readonly mbox: string;
  /** The dotlock, `var/spool/mail/NAME.lock`. */
  readonly lock: string;
  /** The sub-folder of the spool that is made along with the mailbox (hash-spool, domains). */
  readonly folder?: string;
  /** What is being done to the mbox, `var/lib/mailhost/journal/NAME`; empty or missing when nothing is. */
  readonly journal: string;
  /** Locked by the one POP3 session of the mailbox, `var/lib/mailhost/sessions/NAME`. */
  readonly session: string;
}

/**
 * Lays out a mailbox's paths.
 *
 * @throws MboxError with fault `permission` for a name that is refused
 */
export function mailboxPaths(site: Site, name: string): MailboxPaths {
  const fault = mailboxNameFault(name);
  if (fault !== undefined) {
    throw new MboxError("permission", site.spoolDir, `${fault} is no mailbox: ${JSON.stringify(name)}`);
  }
  const mbox = site.mailboxFile(name);
  const folder = dirname(mbox);
  return {
    name,
    mbox,
    lock: `${mbox}.lock`,
    ...(folder !== site.spoolDir && folder.startsWith(`${site.spoolDir}/`) && { folder }),
    journal: join(journalFolder(site), name),
    session: join(site.stateDir, "sessions", name),
  };
}

/**
 * Makes a sub-folder of the spool, with those above it, as open to other mail programs as the spool is. It is on stable
 * storage before a mailbox is made in it.
 *
 * @throws MboxError (`not-a-file`) when something else has its name, or when in a spool in which everybody may make files
 *   somebody else has made it; errors of the system
 */
export async function makeMailboxFolder(folder: string, fileSystem: FileSystem): Promise<void> {
  if (await isFolder(folder, fileSystem)) return;
  const parent = dirname(folder);
  try {
    await mkdir(folder);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== "ENOENT" && errno !== "EEXIST") throw error;
    if (errno === "ENOENT") await makeMailboxFolder(parent, fileSystem);
    await makeMailboxFolder(folder, fileSystem);
    return;
  }
  // The umask may have taken permissions away; a set-gid bit of the spool gives it its group.
  await chmod(folder, (await stat(parent)).mode & 0o7777);
  await syncFolder(nodeFileSystem, parent);
}

const OTHERS_WRITE = 0o002;

/** Whether it is there, and is what it should be. */
async function isFolder(folder: string, fileSystem: FileSystem): Promise<boolean> {
  let found: Stats;
  try {
    found = await fileSystem.lstat(folder);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
  if (!found.isDirectory()) {
    const reason = "is no folder, and mailboxes are to lie in one of this name";
    throw new MboxError("not-a-file", folder, reason);
  }
  const above = await fileSystem.stat(dirname(folder));
  if ((above.mode & OTHERS_WRITE) === 0 || [0, above.uid, process.geteuid?.()].includes(found.uid))
    return true;
  throw new MboxError("not-a-file", folder, `belongs to user id ${found.uid}, who would have the mail in it`);
}

/** The folder of all journals. */
export function journalFolder(site: Pick<Site, "stateDir">): string {
  return join(site.stateDir, "journal");
}
