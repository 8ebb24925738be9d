/**
 * Replacing a file whole: a reader sees the old content or the new, never a part, whatever happens in between.
 *
 * The new content goes to a temporary file in the same folder, is fsync'd and renamed over the old one; then the
 * folder is fsync'd.
 */
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errnoOf } from "./errors.ts";

/** How the new file is made. */
export interface ReplaceOptions {
  /** Permissions of the new file, such as 0o600; absent: those of the first of `models` that exists, else 0644. */
  readonly mode?: number;
  /** Files whose owner (and mode) the new one takes over, first that exists; the file itself when left out. */
  readonly models?: readonly string[];
  /** Who the new file is to belong to, when root makes it; rules over `models`. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Called when the new content is on disk, before the rename; throwing leaves the old file as it was. */
  readonly beforeRename?: () => void;
}

/**
 * Replaces a file, or makes it.
 *
 * @throws errors of the file system; the old file is then as it was and nothing is left beside it
 */
export async function replaceFile(
  file: string,
  data: string | Uint8Array,
  options: ReplaceOptions = {},
): Promise<void> {
  await replace(file, (handle) => handle.writeFile(data), options);
}

/**
 * As {@link replaceFile}, with content that is too much to be held in memory.
 *
 * @param write writes it to the descriptor from its start on; when it throws, the old file stays as it was
 */
export async function replaceFileBy(
  file: string,
  write: (fd: number) => void,
  options: ReplaceOptions = {},
): Promise<void> {
  await replace(file, async (handle) => write(handle.fd), options);
}

async function replace(
  file: string,
  write: (handle: FileHandle) => Promise<void>,
  options: ReplaceOptions,
): Promise<void> {
  const folder = dirname(file);
  const temporary = join(folder, `.${basename(file)}.${randomBytes(6).toString("hex")}`);
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await write(handle);
      await takeOver(handle, file, options);
      await handle.sync();
    } finally {
      await handle.close();
    }
    options.beforeRename?.();
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** By the descriptor: in a folder that is not root's, the name may have become a link to something else. */
async function takeOver(handle: FileHandle, file: string, options: ReplaceOptions): Promise<void> {
  const { models = [file], mode, owner } = options;
  let model: Stats | undefined;
  for (const path of models) model ??= await statOf(path);
  await handle.chmod(mode ?? (model === undefined ? 0o644 : model.mode & 0o666));
  const { uid, gid } = owner ?? model ?? {};
  if (uid !== undefined && gid !== undefined && process.getuid?.() === 0) await handle.chown(uid, gid);
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
