/**
 * Making a compiled table: `NAME.db` appears whole or not at all.
 *
 * The new file is written beside the old one under a name of its own, fsync'd and renamed over it, then the folder is
 * fsync'd. Whoever reads the old file goes on reading it.
 */
import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { chmod, chown, mkdtemp, open as openFile, readFile, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { open } from "lmdb";
import { errnoOf } from "../errors.ts";
import { type CompiledMeta, sha256, TRAILER_MAGIC, TRAILER_SIZE } from "./compiled-table.ts";

/** The text that a table is made from. */
export interface TableSource {
  readonly text: Buffer | string;
  /** When it was read, ms since 1970. */
  readonly readAt: number;
}

/** The name of the compiled form: `access` and `access.db` both give `access.db`. */
export function compiledName(name: string): string {
  return name.endsWith(".db") ? name : `${name}.db`;
}

/**
 * Writes entries as a compiled table. The file gets mode and owner of the one it replaces, or of the text beside it,
 * or 0644.
 *
 * @param file its path, ending in `.db`
 * @throws errors of the file system; the old file is then as it was
 */
export async function writeCompiledTable(
  file: string,
  entries: ReadonlyMap<string, string>,
  kind: CompiledMeta["kind"],
  source: TableSource,
): Promise<void> {
  const body = await lmdbImage(entries);
  const meta: CompiledMeta = {
    kind,
    entries: entries.size,
    digest: sha256(body),
    source: { digest: sha256(source.text), readAt: source.readAt },
  };
  const trailer = Buffer.alloc(TRAILER_SIZE, " ");
  trailer.write(`${TRAILER_MAGIC}${JSON.stringify(meta)}`);
  const folder = dirname(file);
  const temporary = join(folder, `.${basename(file)}.${randomBytes(6).toString("hex")}`);
  try {
    const handle = await openFile(temporary, "wx", 0o600);
    try {
      await handle.writeFile(Buffer.concat([body, trailer]));
      await likeItsPredecessor(temporary, file);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  const directory = await openFile(folder, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** An LMDB file with the entries, made in a private folder: its lock file never shows. */
async function lmdbImage(entries: ReadonlyMap<string, string>): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), "mailhost-makemap-"));
  try {
    const path = join(folder, "table.mdb");
    const db = open<string, string>({
      path,
      noSubdir: true,
      encoding: "string",
      noSync: true,
      overlappingSync: false,
    });
    try {
      db.transactionSync(() => {
        for (const [key, value] of entries) db.putSync(key, value);
      });
    } finally {
      await db.close();
    }
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Gives a new table the mode and owner that its readers count on. */
async function likeItsPredecessor(temporary: string, file: string): Promise<void> {
  const model = (await statOf(file)) ?? (await statOf(file.replace(/\.db$/, "")));
  await chmod(temporary, model === undefined ? 0o644 : model.mode & 0o666);
  if (model !== undefined && process.getuid?.() === 0) await chown(temporary, model.uid, model.gid);
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
