/**
 * Making a compiled table: `NAME.db` appears whole or not at all.
 *
 * Whoever reads the old file goes on reading it until it looks again.
 */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "lmdb";
import { replaceFile } from "../atomic-file.ts";
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
  await replaceFile(file, Buffer.concat([body, trailer]), { models: [file, file.replace(/\.db$/, "")] });
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
