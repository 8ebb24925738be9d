/**
 * makemap --import: a table of Sendmail's that is there as a Berkeley DB file only, or as the output of `db_dump`.
 *
 * Sendmail's newaliases ends keys and values with a null octet and leaves a mark, `@`; the octet is taken off, and the mark
 * says that these are aliases.
 */
import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { localPartKey } from "@mailhost/common/address";
import { tableKey } from "@mailhost/common/tables/address-keys";
import { readBerkeleyDb } from "@mailhost/common/tables/berkeley-db";
import type { OctetEntry } from "@mailhost/common/tables/compile";
import { readDumpText } from "@mailhost/common/tables/dump-text";
import { OctetLines } from "@mailhost/common/tables/octet-lines";
import { fromOctets, isBerkeleyDb, toOctets } from "@mailhost/common/tables/table-file";
import { type BuildOptions, buildFromEntries } from "./build-map.ts";

/** What is taken over. */
export interface ImportOptions extends Pick<BuildOptions, "file" | "onProgress"> {
  /** The file, or `-` for a dump on standard input. */
  readonly from: string;
  readonly stdin: AsyncIterable<Buffer | string>;
  /** False keeps the case of keys (makemap -f). */
  readonly fold: boolean;
}

/** Whether a file is one of Berkeley DB's; false when it is missing or cannot be read. */
export function isBerkeleyDbFile(file: string): boolean {
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch {
    // Whoever opens it next says why.
    return false;
  }
  try {
    const head = Buffer.alloc(16);
    return readSync(fd, head, 0, head.length, 0) === head.length && isBerkeleyDb(head);
  } catch {
    return false;
  } finally {
    closeSync(fd);
  }
}

/** The entries of a Berkeley DB file of Sendmail's, null octets taken off. */
export function* berkeleyEntries(file: string): Generator<OctetEntry> {
  for (const [key, value] of readBerkeleyDb(file)) yield [withoutNull(key), withoutNull(value)];
}

/**
 * Takes a table over.
 *
 * @returns how many entries it has
 * @throws ConfigError when the file or the dump is refused; errors of the file system
 */
export async function importMap(options: ImportOptions): Promise<number> {
  let aliases = false;
  async function* entries(): AsyncGenerator<OctetEntry> {
    for await (const [key, value] of source(options)) {
      const bare = withoutNull(key);
      if (bare === "@") aliases = true;
      else yield [options.fold ? foldedKey(bare) : bare, withoutNull(value)];
    }
  }
  const { file, onProgress } = options;
  return buildFromEntries(entries(), {
    file,
    ...(onProgress === undefined ? {} : { onProgress }),
    kind: () => (aliases ? "aliases" : "map"),
  });
}

async function* source({ from, stdin }: ImportOptions): AsyncGenerator<OctetEntry> {
  if (from !== "-" && isBerkeleyDbFile(from)) {
    yield* readBerkeleyDb(from);
    return;
  }
  const stream = from === "-" ? stdin : createReadStream(from);
  yield* readDumpText(new OctetLines(stream).batches(), from === "-" ? "standard input" : from);
}

/** A name of an alias that needs quotes has them in Sendmail's database, and none in ours. */
function foldedKey(octets: string): string {
  const key = fromOctets(octets);
  return toOctets(/^".*"$/s.test(key) ? localPartKey(key) : tableKey(key));
}

function withoutNull(octets: string): string {
  return octets.endsWith("\0") ? octets.slice(0, -1) : octets;
}
