/**
 * Where a mailbox and its companions are.
 *
 * A mailbox's name is the account's name in lower case and becomes a file name in four folders, so a name that could
 * lead out of them, or be taken for a lock, is refused here, before any path is made of it.
 */
import { chmod, mkdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { errnoOf } from "../errors.ts";
import type { Site } from "../site.ts";
import { MboxError } from "./mbox-error.ts";

/** Absolute paths of one mailbox. */
export interface MailboxPaths {
  /** The mailbox's name. */
  readonly name: string;
  /** The mbox itself, `var/spool/mail/NAME`. */
  readonly mbox: string;
  /** The dotlock, `var/spool/mail/NAME.lock`. */
  readonly lock: string;
  /** The sub-folder of the spool that is made along with the mailbox (hash-spool). */
  readonly folder?: string;
  /** What is being done to the mbox, `var/lib/mailhost/journal/NAME`; empty or missing when nothing is. */
  readonly journal: string;
  /** Locked by the one POP3 session of the mailbox, `var/lib/mailhost/sessions/NAME`. */
  readonly session: string;
}

/** The longest name: with `.lock` behind it, it must still fit a directory entry of 255 bytes. */
const LONGEST_NAME = 250;

/** Why a name can not be a mailbox's, or undefined when it can. */
export function mailboxNameFault(name: string): string | undefined {
  if (name === "") return "an empty name";
  if (name.startsWith(".")) return "a name that starts with a dot";
  if (name.includes("/")) return 'a name with "/"';
  if (name.includes("..")) return 'a name with ".."';
  if (name.includes("\0")) return "a name with a NUL";
  if (name.endsWith(".lock")) return 'a name that ends in ".lock"';
  if (Buffer.byteLength(name) > LONGEST_NAME) return `a name of more than ${LONGEST_NAME} bytes`;
  return undefined;
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
 * Makes a sub-folder of the spool, with those above it, as open to other mail programs as the spool is.
 *
 * @throws errors of the system
 */
export async function makeMailboxFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "EEXIST") return;
    if (errno !== "ENOENT") throw error;
    await makeMailboxFolder(dirname(folder));
    await makeMailboxFolder(folder);
    return;
  }
  // The umask may have taken permissions away; a set-gid bit of the spool gives it its group.
  await chmod(folder, (await stat(dirname(folder))).mode & 0o7777);
}

/** The folder of all journals. */
export function journalFolder(site: Site): string {
  return join(site.stateDir, "journal");
}
