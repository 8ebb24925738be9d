/**
 * The folders below var/ and run/: made where they are missing, with the right modes and owners, and checked before
 * anything relies on them.
 */
import {
  accessSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { findGroup, type Identity, readSystemLists } from "@mailhost/common/daemon/identity";
import { errnoOf, messageOf, UserError } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { EX_CANTCREAT, EX_CONFIG, EX_NOPERM } from "@mailhost/common/sysexits";

/** What is done with one folder. */
interface Folder {
  readonly path: string;
  /** Mode when we make it; an existing one keeps its own. */
  readonly mode: number;
  /** It and all in it belong to the identity that the daemons run as. */
  readonly ours: boolean;
  /** It is ours, and what others put into it stays theirs; an existing one gets owner and mode too. */
  readonly dropped?: true;
  /** Group when we make it as root and it is not wholly ours. */
  readonly gid?: number;
}

/** What is said of a root without settings and tables. */
export function noSite(site: Site): UserError {
  const at = site.root === "/" ? "" : ` --root ${site.root}`;
  return new UserError(
    `there is no ${site.etcMail}; \`mailhost init --domain example.com --lan 192.168.1${at}\` writes one`,
    EX_CONFIG,
  );
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "no space left on the device",
  ENOTDIR: "a part of the path is a file",
  EEXIST: "a file is in its place",
  ELOOP: "too many symbolic links",
  ENOENT: "it is not there",
};

/** Why a system call failed, in words. */
export function reasonOf(error: unknown): string {
  return REASONS[errnoOf(error) ?? ""] ?? messageOf(error);
}

/** The exit code for something that could not be made: a matter of permission, or of the place. */
export function exitCodeOf(error: unknown): number {
  const code = errnoOf(error);
  return code === "EACCES" || code === "EPERM" ? EX_NOPERM : EX_CANTCREAT;
}

/**
 * Makes what is missing and hands our own folders to the identity that the daemons will have.
 *
 * @param identity whom we are about to become; undefined: we stay who we are
 * @throws UserError naming the path and the reason
 */
export function prepareFolders(site: Site, identity: Identity | undefined, uid: number): void {
  for (const folder of foldersOf(site, identity, uid)) {
    makeFolder(folder, identity);
    if (folder.dropped === true) openToAll(folder, identity);
    else if (folder.ours && identity !== undefined) handOver(folder.path, identity);
  }
  makeLogFile(site, identity);
}

/**
 * Hands over what root has made in `var/lib/mailhost` since {@link prepareFolders}, as the journals of mailboxes that it mended:
 * nobody else could change any mailbox.
 */
export function handOverState(site: Site, identity: Identity): void {
  handOver(site.stateDir, identity);
}

/**
 * Makes `run` alone: the pid file in it says whether anything else may be touched.
 *
 * @throws UserError when there is no site: a mistyped root stays as it is
 */
export function prepareRunFolder(site: Site, identity: Identity | undefined): void {
  if (!isFolder(site.etcMail)) throw noSite(site);
  makeFolder({ path: site.runDir, mode: 0o755, ours: site.root !== "/" }, identity);
}

/**
 * Checks that we, as we are now, can work in every folder.
 *
 * @throws UserError naming the first that fails
 */
export function checkFolders(site: Site): void {
  for (const path of [site.spoolDir, site.queueDir, site.dropDir, site.stateDir]) {
    try {
      accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw new UserError(`cannot write in ${path}: ${reasonOf(error)}`, EX_NOPERM);
    }
  }
  try {
    accessSync(site.logFile, constants.W_OK);
    accessSync(site.etcMail, constants.R_OK | constants.X_OK);
  } catch (error) {
    const path = (error as NodeJS.ErrnoException).path ?? site.logFile;
    throw new UserError(`cannot use ${path}: ${reasonOf(error)}`, EX_NOPERM);
  }
}

function foldersOf(site: Site, identity: Identity | undefined, uid: number): Folder[] {
  const mailGid = uid === 0 ? findGroup(readSystemLists().group, "mail") : undefined;
  const spoolGid = identity?.gid ?? mailGid;
  return [
    // As every mail system has it: whoever is in group mail makes the lock files beside the mboxes.
    spoolGid === undefined
      ? { path: site.spoolDir, mode: 0o775, ours: false }
      : { path: site.spoolDir, mode: 0o2775, ours: false, gid: spoolGid },
    { path: site.queueDir, mode: 0o700, ours: true },
    { path: site.dropDir, mode: 0o3733, ours: true, dropped: true },
    { path: site.stateDir, mode: 0o750, ours: true },
    { path: dirname(site.logFile), mode: 0o755, ours: false },
  ];
}

function makeFolder(folder: Folder, identity: Identity | undefined): void {
  if (isFolder(folder.path)) return;
  try {
    const missing = missingIn(folder.path);
    mkdirSync(dirname(folder.path), { recursive: true, mode: 0o755 });
    mkdirSync(folder.path);
    if (folder.gid !== undefined) chownSync(folder.path, 0, folder.gid);
    else if (folder.ours && identity !== undefined) chownSync(folder.path, identity.uid, identity.gid);
    // After the change of owner, which clears the set-group-id bit; and whatever the umask is.
    setMode(folder.path, folder.mode);
    // What is accepted a moment later must not go with a folder that the power took.
    for (const path of missing) syncFolder(dirname(path));
  } catch (error) {
    throw new UserError(`cannot make the folder ${folder.path}: ${reasonOf(error)}`, exitCodeOf(error));
  }
}

/** The folder and those above it that are not there, the innermost first. */
function missingIn(path: string): string[] {
  const missing: string[] = [];
  for (let folder = path; !existsSync(folder); folder = dirname(folder)) missing.push(folder);
  return missing;
}

function syncFolder(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Changes a folder's mode, the set-group-id bit included: from whoever is not in the folder's group and has no CAP_FSETID, as
 * root in a container with few powers, the system takes that bit and says nothing. So root is in the group for the moment.
 */
function setMode(path: string, mode: number): void {
  chmodSync(path, mode);
  const { gid, mode: now } = statSync(path);
  const group = process.getegid?.();
  if ((now & 0o7777) === mode || process.getuid?.() !== 0 || group === undefined) return;
  process.setegid?.(gid);
  try {
    chmodSync(path, mode);
  } finally {
    process.setegid?.(group);
  }
}

/** Sees to it that everybody may put files into a folder of ours, which tell who did: so they are never handed over. */
function openToAll({ path, mode }: Folder, identity: Identity | undefined): void {
  try {
    const at = statSync(path);
    if (identity !== undefined && (at.uid !== identity.uid || at.gid !== identity.gid))
      chownSync(path, identity.uid, identity.gid);
    if ((at.mode & 0o7777) !== mode || identity !== undefined) setMode(path, mode);
  } catch (error) {
    throw new UserError(`cannot open the folder ${path} to its users: ${reasonOf(error)}`, exitCodeOf(error));
  }
}

/**
 * Gives a folder of ours, with all in it that is not its own already, to the identity.
 *
 * What is in it was put there by processes that are not root, so no name is trusted to mean the same twice: each thing is opened
 * and judged by its descriptor. Links and files that have another name elsewhere stay whose they are.
 */
function handOver(path: string, identity: Identity): void {
  const fd = openAsItIs(path);
  if (fd === undefined) return;
  try {
    const at = fstatSync(fd);
    if (at.isDirectory()) {
      const held = `/proc/self/fd/${fd}`;
      const folder = existsSync(held) ? held : path;
      for (const name of readdirSync(folder)) handOver(join(folder, name), identity);
    }
    if (at.uid !== identity.uid && (at.isDirectory() || (at.isFile() && at.nlink === 1)))
      fchownSync(fd, identity.uid, identity.gid);
  } finally {
    closeSync(fd);
  }
}

/** Opens a file or folder without following a link, and without waiting; undefined for what is neither, or has gone. */
function openAsItIs(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (["ELOOP", "ENXIO", "ENOENT"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
}

function makeLogFile(site: Site, identity: Identity | undefined): void {
  try {
    const fd = openSync(site.logFile, "a", 0o640);
    try {
      if (identity !== undefined && fstatSync(fd).uid !== identity.uid)
        fchownSync(fd, identity.uid, identity.gid);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new UserError(`cannot write the log ${site.logFile}: ${reasonOf(error)}`, exitCodeOf(error));
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch (error) {
    throw new UserError(`cannot look at ${path}: ${reasonOf(error)}`, EX_NOPERM);
  }
}
