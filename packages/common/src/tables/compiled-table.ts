/**
 * The compiled form of a table, `NAME.db`: an LMDB file with a block at its end that says what is in it.
 *
 * The block carries a digest over the LMDB part, so a file that was cut, overwritten or damaged is refused before
 * LMDB maps it. LMDB gets a private copy in the temporary folder, unlinked at once: readers need no lock file in
 * etc/mail, which may be read-only for them, and a file that is overwritten in place under a reader cannot harm it.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import { ConfigError, messageOf } from "../errors.ts";

/** Size of the block at the end, one LMDB page. */
export const TRAILER_SIZE = 4096;
/** First bytes of that block. */
export const TRAILER_MAGIC = "mailhost compiled table 1\n";

/** What the block says. */
export interface CompiledMeta {
  /** Aliases hold right-hand sides of alias lines, maps values as written. */
  readonly kind: "map" | "aliases";
  readonly entries: number;
  /** SHA-256 of the LMDB part, hexadecimal. */
  readonly digest: string;
  /** The text it was made from: its SHA-256, and when it was read (ms since 1970). */
  readonly source: { readonly digest: string; readonly readAt: number };
}

/** A compiled table that is open for reading. It never changes; a rebuilt file is opened anew. */
export interface CompiledTable {
  readonly meta: CompiledMeta;
  get(key: string): string | undefined;
  /** All entries, in the order of their keys. */
  entries(): [key: string, value: string][];
  close(): Promise<void>;
}

/** SHA-256, hexadecimal. */
export function sha256(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
}

/**
 * Opens a compiled table.
 *
 * @throws ConfigError saying why the file is refused; an error of the file system when it cannot be read
 */
export function openCompiledTable(file: string): CompiledTable {
  const bytes = readFileSync(file);
  const meta = checkedMeta(bytes, file);
  const folder = mkdtempSync(join(tmpdir(), "mailhost-table-"));
  try {
    const copy = join(folder, "table.mdb");
    writeFileSync(copy, bytes.subarray(0, bytes.length - TRAILER_SIZE), { mode: 0o600 });
    return reader(
      meta,
      open<string, string>({ path: copy, noSubdir: true, readOnly: true, encoding: "string" }),
    );
  } catch (error) {
    throw new ConfigError(file, 0, `cannot be opened: ${messageOf(error)}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The block at the end of a file, once file and block agree. */
function checkedMeta(bytes: Buffer, file: string): CompiledMeta {
  if (isBerkeleyDb(bytes)) {
    throw new ConfigError(file, 0, "is a Berkeley DB file; make it anew with makemap or newaliases");
  }
  const body = bytes.subarray(0, Math.max(0, bytes.length - TRAILER_SIZE));
  const trailer = bytes.subarray(body.length).toString("utf8");
  if (!trailer.startsWith(TRAILER_MAGIC)) {
    const damage = bytes.length === 0 ? "is empty" : "is cut short or no table of makemap or newaliases";
    throw new ConfigError(file, 0, `${damage}; make it anew`);
  }
  let meta: CompiledMeta;
  try {
    meta = JSON.parse(trailer.slice(TRAILER_MAGIC.length)) as CompiledMeta;
  } catch {
    throw new ConfigError(file, 0, "is damaged (its last block cannot be read); make it anew");
  }
  if (sha256(body) !== meta.digest) {
    throw new ConfigError(file, 0, "is damaged (its digest does not match); make it anew");
  }
  return meta;
}

/** Berkeley DB keeps the type of a file in its twelfth octet, in the byte order of the machine that made it. */
function isBerkeleyDb(bytes: Buffer): boolean {
  if (bytes.length < 16) return false;
  const HASH = 0x061561;
  const BTREE = 0x053162;
  return [bytes.readUInt32LE(12), bytes.readUInt32BE(12)].some((magic) => magic === HASH || magic === BTREE);
}

function reader(meta: CompiledMeta, db: RootDatabase<string, string>): CompiledTable {
  return {
    meta,
    get: (key) => (key === "" || key.length > 1024 ? undefined : db.get(key)),
    entries: () => Array.from(db.getRange(), ({ key, value }): [string, string] => [key, value]),
    close: () => db.close(),
  };
}
