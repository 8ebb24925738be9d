/**
 * Building a compiled table out of lines, of any number in bounded memory: sort, then write (makemap, makemap --import).
 */
import { existsSync } from "node:fs";
import { type OctetEntry, writeSortedTable } from "@mailhost/common/tables/compile";
import { type CompiledTable, openCompiledTable } from "@mailhost/common/tables/compiled-table";
import { type MapPair, type MapTextOptions, readMapLine } from "@mailhost/common/tables/map-text";
import type { OctetLines } from "@mailhost/common/tables/octet-lines";
import { merged, RecordSorter, type SortRecord } from "@mailhost/common/tables/record-sorter";
import { fromOctets } from "@mailhost/common/tables/table-file";

/** Which of several equal keys stay. */
export type Duplicates = "first" | "last" | "all";

/** Something to tell of a line. */
export interface Complaint {
  readonly line: number;
  readonly reason: string;
}

/** How a table is built. */
export interface BuildOptions extends Omit<MapTextOptions, "octets"> {
  /** Its path, ending in `.db`. */
  readonly file: string;
  readonly duplicates: Duplicates;
  /** The entries of the table that is there stay (makemap -o). */
  readonly append: boolean;
  /** Told of each pair that is read (makemap -v). */
  readonly onPair?: (pair: MapPair) => void;
  /** Told now and then how far it has come. */
  readonly onProgress?: (stage: "read" | "written", count: number) => void;
}

/** What came of it. */
export interface Built {
  /** False when lines could not be read; the table is then as it was. */
  readonly written: boolean;
  /** In the order of their lines. */
  readonly complaints: readonly Complaint[];
  /** Complaints beyond those kept. */
  readonly more: number;
  readonly entries: number;
}

/** Complaints that are kept of each kind: a text of millions of lines may be wrong in each. */
const KEPT = 10_000;
/** Entries between two reports of progress. */
const STEP = 100_000;

/** Collects complaints up to a number. */
class Complaints {
  readonly kept: Complaint[] = [];
  count = 0;

  add(line: number, reason: string): void {
    this.count++;
    if (this.kept.length < KEPT) this.kept.push({ line, reason });
  }
}

/**
 * Builds a table from the lines of a text.
 *
 * A line that cannot be read leaves the old table as it was. A key that comes twice does not: the first stays.
 *
 * @throws errors of the file system, and ConfigError when the table to add to is refused
 */
export async function buildFromLines(lines: OctetLines, options: BuildOptions): Promise<Built> {
  const readAt = Date.now();
  const faults = new Complaints();
  const twice = new Complaints();
  const sorter = new RecordSorter();
  const old = options.append && existsSync(options.file) ? openCompiledTable(options.file) : undefined;
  try {
    const how: MapTextOptions = { ...options, octets: true };
    let line = 0;
    for await (const batch of lines.batches()) {
      for (const text of batch) {
        line++;
        if (line % STEP === 0) options.onProgress?.("read", line);
        const pair = readMapLine(text, how);
        if (pair === undefined) continue;
        if (typeof pair === "string") {
          faults.add(line, pair);
        } else {
          options.onPair?.(pair);
          sorter.add({ ...pair, line });
        }
      }
    }
    const records = distinct(merged([oldRecords(old), sorter.sorted()]), options.duplicates, twice);
    if (faults.count > 0) {
      for (const _ of records);
      return { written: false, entries: 0, ...together(faults, twice) };
    }
    const { entries } = await writeSortedTable(
      options.file,
      counted(records, options),
      old?.meta.kind ?? "map",
      () => ({ digest: lines.digest(), readAt, size: lines.size }),
    );
    return { written: true, entries, ...together(faults, twice) };
  } finally {
    sorter.close();
    old?.close();
  }
}

/**
 * Builds a table from the entries of another kind of file. Their order stays where keys are equal; the first is the one that
 * is found.
 *
 * @param kind asked for when all entries are read
 */
export async function buildFromEntries(
  entries: AsyncIterable<OctetEntry>,
  options: Pick<BuildOptions, "file" | "onProgress"> & { readonly kind: () => "map" | "aliases" },
): Promise<number> {
  const sorter = new RecordSorter();
  try {
    let line = 0;
    for await (const [key, value] of entries) {
      sorter.add({ key, value, line: ++line });
      if (line % STEP === 0) options.onProgress?.("read", line);
    }
    const source = { digest: "", readAt: Date.now() };
    const meta = await writeSortedTable(
      options.file,
      counted(sorter.sorted(), options),
      options.kind(),
      () => source,
    );
    return meta.entries;
  } finally {
    sorter.close();
  }
}

function* oldRecords(old: CompiledTable | undefined): Generator<SortRecord> {
  if (old === undefined) return;
  for (const [key, value] of old.octets()) yield { key, value, line: 0 };
}

/** Leaves of equal keys what is to stay, and tells of the rest. */
function* distinct(
  records: Iterable<SortRecord>,
  duplicates: Duplicates,
  twice: Complaints,
): Generator<SortRecord> {
  let last: SortRecord | undefined;
  for (const record of records) {
    const same = last !== undefined && record.key === last.key;
    if (duplicates === "last") {
      if (last !== undefined && !same) yield last;
    } else if (!same || duplicates === "all") {
      yield record;
    } else {
      twice.add(record.line, `key ${fromOctets(record.key)}: duplicate key`);
    }
    last = record;
  }
  if (duplicates === "last" && last !== undefined) yield last;
}

function* counted(
  records: Iterable<SortRecord>,
  { onProgress }: Pick<BuildOptions, "onProgress">,
): Generator<OctetEntry> {
  let count = 0;
  for (const { key, value } of records) {
    count++;
    if (count % STEP === 0) onProgress?.("written", count);
    yield [key, value];
  }
}

function together(faults: Complaints, twice: Complaints): Pick<Built, "complaints" | "more"> {
  const complaints = [...faults.kept, ...twice.kept].sort((a, b) => a.line - b.line);
  return { complaints, more: faults.count + twice.count - complaints.length };
}
