/**
 * A file in the drop folder (`var/spool/clientmqueue`): how an ordinary user's `sendmail` hands a message to the daemon
 * without any privilege. The folder is the daemon's, mode 3733: everybody may make files in it, nobody else may list it or
 * remove what is not his own.
 *
 *     mailhost-drop 1
 *     {"recipients":["a@b"],"fromHeader":false}
 *     the message, CRLF line ends
 *
 * A file is written under a name with a dot in front, which the daemon passes over, and renamed when it is complete and on
 * stable storage. The folder itself cannot be opened by its users, so the rename is made durable by syncing the file once
 * more: the journal of ext4, XFS and btrfs writes a file's renames with it.
 */
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, messageOf, UserError } from "@mailhost/common/errors";
import { EX_IOERR, EX_TEMPFAIL, EX_USAGE } from "@mailhost/common/sysexits";
import { REQUEST_LIMIT, readRequest, type SubmissionRequest } from "./submission-request.ts";

/** First line of a drop file. */
export const DROP_MARK = "mailhost-drop 1\n";

/** The name of a complete file: nobody can guess it. */
export function isDropName(name: string): boolean {
  return /^[0-9a-f]{32}$/.test(name);
}

/** The name of one that is being written. */
export function isUnfinishedName(name: string): boolean {
  return name.startsWith(".") && isDropName(name.slice(1));
}

/** The name that a file has until it is complete. */
export function unfinishedName(name: string): string {
  return `.${name}`;
}

/** A drop file being written. */
export interface DropWriter {
  readonly name: string;
  write(chunk: Buffer): Promise<void>;
  /**
   * Puts it in place; resolves when it is on stable storage.
   *
   * @param mayBeTaken the daemon was asked to take it and did not answer: it may have
   */
  finish(mayBeTaken?: boolean): Promise<void>;
  /** Takes it away; harmless after {@link finish}. */
  discard(): Promise<void>;
}

/**
 * Begins a drop file; the request is written by {@link DropWriter.finish}'s caller before the content.
 *
 * @throws UserError with 75 when there is no drop folder for us
 */
export async function createDrop(dropDir: string): Promise<DropWriter> {
  const name = randomBytes(16).toString("hex");
  const temporary = join(dropDir, unfinishedName(name));
  const handle = await openNew(temporary, dropDir);
  let state: "open" | "finished" | "gone" = "open";
  const step = async (act: () => Promise<unknown>) => {
    try {
      await act();
    } catch (error) {
      throw new UserError(`${dropDir}: the message cannot be stored: ${messageOf(error)}`, EX_IOERR, {
        cause: error,
      });
    }
  };
  return {
    name,
    write: (chunk) => step(() => writeAll(handle, chunk)),
    async finish(mayBeTaken = false) {
      await step(async () => {
        await handle.sync();
        try {
          await rename(temporary, join(dropDir, name));
        } catch (error) {
          // Who takes it removes it after the commit.
          if (!mayBeTaken || errnoOf(error) !== "ENOENT") throw error;
        }
        state = "finished";
        await handle.sync();
      });
      await handle.close();
    },
    async discard() {
      if (state !== "open") return;
      state = "gone";
      await handle.close();
      await rm(temporary, { force: true });
    },
  };
}

/**
 * The two lines before the message. Line breaks in an address or a name become blanks.
 *
 * @throws UserError with 64 for what the daemon would set aside: nobody would be told of that
 */
export function dropHead(request: SubmissionRequest): Buffer {
  const line = JSON.stringify(request, (_, value: unknown) =>
    typeof value === "string" ? value.replace(/[\r\n\0]+/g, " ") : value,
  );
  if (Buffer.byteLength(line) >= REQUEST_LIMIT - DROP_MARK.length || readRequest(line) === undefined)
    throw new UserError("Too many recipients, or an address that is too long", EX_USAGE);
  return Buffer.from(`${DROP_MARK}${line}\n`);
}

/** A file that the daemon's group cannot read would be set aside, after its owner was told that it is on its way. */
async function requireDaemonsGroup(handle: FileHandle, dropDir: string, path: string): Promise<void> {
  if ((await handle.stat()).gid === (await stat(dropDir)).gid) return;
  await handle.close();
  await rm(path, { force: true });
  throw new UserError(
    `${dropDir}: is not set-group-id, so the daemon cannot read what is put there; \`mailhost start\`, once as root, makes it so`,
    EX_TEMPFAIL,
  );
}

async function openNew(path: string, dropDir: string): Promise<FileHandle> {
  try {
    const handle = await open(
      path,
      constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW,
      0o640,
    );
    // Whatever the umask: the group is the daemon's, by the folder's set-group-id bit, and has to read it.
    await handle.chmod(0o640);
    await requireDaemonsGroup(handle, dropDir, path);
    return handle;
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = errnoOf(error);
    const advice =
      code === "ENOENT" || code === "EACCES"
        ? "there is no drop folder for users; `mailhost start`, once as root, makes it"
        : messageOf(error);
    throw new UserError(`${dropDir}: ${advice}`, EX_TEMPFAIL, { cause: error });
  }
}

async function writeAll(handle: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const { bytesWritten } = await handle.write(chunk, at, chunk.length - at);
    at += bytesWritten;
  }
}
