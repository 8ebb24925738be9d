/**
 * Making a compiled table: `NAME.db` appears whole or not at all.
 *
 * Whoever reads the old file goes on reading it until it looks again.
 */
import { createHash } from "node:crypto";
import { replaceFileBy } from "../atomic-file.ts";
import type { CompiledMeta } from "./compiled-table.ts";
import { type SourceMark, toOctets } from "./table-file.ts";
import { TableWriter } from "./table-writer.ts";

/** The text that a table is made from. */
export interface TableSource {
  readonly text: Buffer | string;
  /** When it was read, ms since 1970. */
  readonly readAt: number;
}

/** An entry in octets (`toOctets`). */
export type OctetEntry = readonly [key: string, value: string];

/** The name of the compiled form: `access` and `access.db` both give `access.db`. */
export function compiledName(name: string): string {
  return name.endsWith(".db") ? name : `${name}.db`;
}

/** SHA-256, hexadecimal. */
export function sha256(data: Buffer | string): string {
  return createHash("sha256").update(data).digest("hex");
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
  const octets = Array.from(entries, ([key, value]): OctetEntry => [toOctets(key), toOctets(value)]);
  octets.sort(([a], [b]) => (a < b ? -1 : 1));
  const text = Buffer.from(source.text);
  const mark = { digest: sha256(text), readAt: source.readAt, size: text.length };
  await writeSortedTable(file, octets, kind, () => mark);
}

/**
 * As {@link writeCompiledTable}, with any number of entries in the order of their keys' octets, however they come. The
 * first of equal keys is the one that is found.
 *
 * @param source asked for when all entries are taken; what it throws leaves the old file as it was
 */
export async function writeSortedTable(
  file: string,
  entries: Iterable<OctetEntry>,
  kind: CompiledMeta["kind"],
  source: () => SourceMark,
): Promise<CompiledMeta> {
  let meta: CompiledMeta | undefined;
  await replaceFileBy(
    file,
    (fd) => {
      const writer = new TableWriter(fd);
      for (const [key, value] of entries) writer.add(key, value);
      meta = writer.finish(kind, source());
    },
    { models: [file, file.replace(/\.db$/, "")] },
  );
  return meta!;
}
