/**
 * Appends one message in mbox form to a file that an alias names, under the locks that mailboxes have.
 *
 * Sendmail's rules for such files: a plain file with one name that nobody can execute, no symbolic link. What is appended is
 * on stable storage, or the file has its old length. Runs as the user on whose behalf it writes, so that what that user
 * may not do the system forbids.
 */
import { createHash } from "node:crypto";
import { lstat, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { appendMessages, type MboxMessage } from "@mailhost/common/mbox/append";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import type { MailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { MboxError } from "@mailhost/common/mbox/mbox-error";

/** What is appended and where. */
export interface FileAppend {
  /** Absolute path. */
  readonly path: string;
  readonly message: MboxMessage;
  /** Where it is noted what is being appended. */
  readonly journalFolder: string;
  /** The journal's path, where it is not one of the folder by the file's path. */
  readonly journal?: string;
  /** How long another program's lock is waited for (ms). */
  readonly lockTimeout: number;
  /** When this process was started, ms since 1970: older lock directories that nobody holds are broken at once. */
  readonly startedAt?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** Why nothing was appended. `refused`: this file cannot be written, now or later. */
export interface AppendFault {
  readonly kind: "refused" | "later";
  readonly reason: string;
}

/** Sendmail's FileMode for files that deliveries make. */
const NEW_FILE = 0o600;
/** Set-user-id, set-group-id and every right to execute. */
const NOT_FOR_MAIL = 0o6111;

/**
 * Appends.
 *
 * @returns undefined when it is on stable storage
 */
export async function appendToFile(request: FileAppend): Promise<AppendFault | undefined> {
  const { path } = request;
  try {
    const fault = await faultOf(path);
    if (fault !== undefined) return { kind: "refused", reason: `${path} ${fault}` };
    const paths = await pathsOf(request);
    const { clock, log, lockTimeout: timeout, startedAt } = request;
    const options = {
      ...{ clock, log, timeout, create: true, mode: NEW_FILE, dotlock: "if possible" as const },
      ...(startedAt === undefined ? {} : { diedBefore: startedAt }),
    };
    const box = await lockMailbox(paths, options);
    if (box === undefined) return { kind: "later", reason: `${path} cannot be made` };
    try {
      const found = await box.file.stat();
      if ((found.mode & NOT_FOR_MAIL) !== 0) return { kind: "refused", reason: `${path} ${EXECUTABLE}` };
      await appendMessages(box, [request.message]);
      return undefined;
    } finally {
      await box.release();
    }
  } catch (error) {
    return faultFor(path, error);
  }
}

const EXECUTABLE = "is executable or runs with its owner's rights";

/** What can be said before the file is opened. */
async function faultOf(path: string): Promise<string | undefined> {
  try {
    const found = await lstat(path);
    if (found.isSymbolicLink()) return "is a symbolic link";
    if (!found.isFile()) return "is not a plain file";
    if (found.nlink > 1) return `has ${found.nlink} names`;
    return (found.mode & NOT_FOR_MAIL) !== 0 ? EXECUTABLE : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function pathsOf({ path, journalFolder, journal }: FileAppend): Promise<MailboxPaths> {
  await mkdir(journalFolder, { recursive: true, mode: 0o700 });
  const name = createHash("sha256").update(path).digest("hex").slice(0, 32);
  return {
    name: basename(path),
    mbox: path,
    lock: `${path}.lock`,
    journal: journal ?? join(journalFolder, name),
    session: join(journalFolder, `${name}.session`),
  };
}

function faultFor(path: string, error: unknown): AppendFault {
  const reason = messageOf(error);
  const errno = errnoOf(error) ?? errnoOf(error instanceof MboxError ? error.cause : undefined);
  if (errno === "ENOENT" || errno === "ENOTDIR") {
    return { kind: "refused", reason: `${path}: there is no such folder` };
  }
  const fault = error instanceof MboxError ? error.fault : undefined;
  const final = fault === "permission" || fault === "not-a-file" || errno === "EACCES" || errno === "EPERM";
  return { kind: final ? "refused" : "later", reason };
}
