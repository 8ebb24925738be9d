/**
 * The options of one user (Qpopper's user-options and spool-options): `~/.qpopper-options`, then `.NAME.qpopper-options` in
 * the spool, read once the user is known and before the mailbox is opened.
 *
 * A server that reads files which users name must not be made to read others': a file counts when it is a plain file with
 * one name, reached over no link, small, and nobody but its owner may write it. In a home the owner is the user, in the
 * spool it is root or the server. What keeps a file from being used is told in the log, never to the client, and the session
 * goes on with the site's settings.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Account } from "@mailhost/common/accounts/accounts";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { readSessionOptions } from "@mailhost/common/settings/qpopper/configuration";
import { belowRoot } from "@mailhost/common/settings/qpopper/load-qpopper";
import type { Site } from "@mailhost/common/site";
import type { SessionOptions, Turn } from "../verbs/turn.ts";

/** Octets of the largest file. */
const LARGEST = 16 * 1024;

/** Longest silence that a user may allow himself where the site allows less, ms. */
const LONGEST_TIMEOUT = 60 * 60_000;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** Lets the options of a user hold for the rest of the session, where the settings say so. Never rejects. */
export async function applyOwnOptions(turn: Turn, account: Account): Promise<void> {
  const { userOptions, spoolOptions } = turn.options;
  if (!userOptions && !spoolOptions) return;
  const { site, log } = turn.services;
  const options = await ownOptions(turn.options, { site, log, account });
  if (options !== turn.options) turn.setOptions(options);
}

/**
 * The options of a session of this user.
 *
 * @param options those of the site
 */
export async function ownOptions(
  options: SessionOptions,
  { site, log, account }: { readonly site: Site; readonly log: Log; readonly account: Account },
): Promise<SessionOptions> {
  const { home, uid, name } = account;
  const us = process.geteuid?.() ?? 0;
  const given = new Map<string, unknown>();
  const read = async (file: string, by: "user" | "spool", owners: readonly number[]) => {
    const text = await readOwnFile(file, owners);
    if (typeof text === "string") {
      const { settings, fault } = readSessionOptions({ file, text }, by, belowRoot);
      for (const [path, value] of settings) given.set(path, value);
      if (fault !== undefined)
        log.write("warn", `Unable to process ${by} options file for user ${name}: ${fault.message}`);
    } else if (text !== undefined)
      log.write("warn", `Unable to process ${by} options file for user ${name}: ${file}: ${text.refused}`);
  };
  // Accounts of etc/mail/users have neither home nor owner.
  if (options.userOptions && home !== undefined && home !== "" && uid !== undefined)
    await read(join(home, ".qpopper-options"), "user", [uid]);
  const timeout = given.get("pop3.timeout");
  if (typeof timeout === "number")
    given.set("pop3.timeout", Math.min(timeout, Math.max(options.timeout, LONGEST_TIMEOUT)));
  if (options.spoolOptions) await read(join(site.spoolDir, `.${name}.qpopper-options`), "spool", [0, us]);
  return given.size === 0 ? options : laid(options, given);
}

/** The options with others laid over them, by path `pop3.NAME`. */
function laid(options: SessionOptions, given: ReadonlyMap<string, unknown>): SessionOptions {
  const names = [...given].map(([path, value]) => [path.slice("pop3.".length), value] as const);
  return { ...options, ...Object.fromEntries(names) };
}

/** The text of a file; undefined where there is none, or why it does not count. */
async function readOwnFile(
  path: string,
  owners: readonly number[],
): Promise<string | { readonly refused: string } | undefined> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const { uid, mode, nlink, size } = await file.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return { refused: "it is no plain file" };
    if (!owners.includes(uid)) return { refused: `it belongs to user id ${uid}` };
    if ((mode & 0o022) !== 0) return { refused: "others may write it; chmod go-w" };
    if (nlink > 1) return { refused: "it has another name elsewhere" };
    if (size > LARGEST) return { refused: `it is larger than ${LARGEST} octets` };
    const buffer = Buffer.alloc(LARGEST);
    const { bytesRead } = await file.read(buffer, 0, LARGEST, 0);
    return buffer.toString("utf8", 0, bytesRead);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    if (errno === "ELOOP") return { refused: "it is a link" };
    return { refused: messageOf(error) };
  } finally {
    await file?.close();
  }
}
