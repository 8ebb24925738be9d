/**
 * Sorts records by key in bounded memory: what is more goes to the temporary folder in sorted runs, which are merged at last.
 *
 * Equal keys keep the order in which they came. Runs are files without a name, gone when the process ends, however
 * it ends.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A record; key and value are strings of octets. */
export interface SortRecord {
  readonly key: string;
  readonly value: string;
  /** Where it came from, for messages: the number of its line. */
  readonly line: number;
}

/** What is held in memory before it becomes a run: records, and octets of keys and values. */
const RUN_RECORDS = 100_000;
const RUN_OCTETS = 16 << 20;
/** Octets that are read of a run at a time. */
const READ_SIZE = 256 * 1024;
/** Lengths of key and value, and the line. */
const RECORD_HEAD = 4 + 4 + 6;

/** Takes records in any order and gives them back in the order of their keys' octets. */
export class RecordSorter {
  readonly #limit: number;
  #records: SortRecord[] = [];
  #octets = 0;
  #runs: number[] = [];

  /** @param limit records in memory; a test's choice */
  constructor(limit = RUN_RECORDS) {
    this.#limit = limit;
  }

  add(record: SortRecord): void {
    this.#records.push(record);
    this.#octets += record.key.length + record.value.length;
    if (this.#records.length >= this.#limit || this.#octets >= RUN_OCTETS) this.#spill();
  }

  /** The records in order, once. */
  *sorted(): Generator<SortRecord> {
    const rest = inOrder(this.#records);
    this.#records = [];
    yield* merged([...this.#runs.map(readRun), rest]);
  }

  /** Gives the runs back; also when it was not read to its end. */
  close(): void {
    for (const fd of this.#runs) closeSync(fd);
    this.#runs = [];
    this.#records = [];
  }

  #spill(): void {
    const fd = namelessFile();
    this.#runs.push(fd);
    let pending: Buffer[] = [];
    let size = 0;
    const flush = () => {
      const bytes = Buffer.concat(pending);
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      pending = [];
      size = 0;
    };
    for (const record of inOrder(this.#records)) {
      const bytes = encoded(record);
      pending.push(bytes);
      size += bytes.length;
      if (size >= READ_SIZE) flush();
    }
    flush();
    this.#records = [];
    this.#octets = 0;
  }
}

/** Merges sequences that are each in order; of equal keys those of an earlier sequence come first. */
export function* merged(sequences: readonly Iterable<SortRecord>[]): Generator<SortRecord> {
  const heads: { record: SortRecord; readonly rank: number; readonly rest: Iterator<SortRecord> }[] = [];
  sequences.forEach((sequence, rank) => {
    const rest = sequence[Symbol.iterator]();
    const first = rest.next();
    if (first.done !== true) heads.push({ record: first.value, rank, rest });
  });
  const before = (a: (typeof heads)[number], b: (typeof heads)[number]) =>
    a.record.key < b.record.key || (a.record.key === b.record.key && a.rank < b.rank);
  // Sorted with the least at the end; a new head is put in its place from there.
  heads.sort((a, b) => (before(a, b) ? 1 : -1));
  while (heads.length > 0) {
    const least = heads.pop()!;
    yield least.record;
    const next = least.rest.next();
    if (next.done === true) continue;
    least.record = next.value;
    let low = 0;
    let high = heads.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (before(least, heads[middle]!)) low = middle + 1;
      else high = middle;
    }
    heads.splice(low, 0, least);
  }
}

/** A stable order. */
function inOrder(records: SortRecord[]): SortRecord[] {
  return records.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function namelessFile(): number {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-sort-"));
  try {
    return openSync(join(folder, "run"), "wx+", 0o600);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function encoded({ key, value, line }: SortRecord): Buffer {
  const bytes = Buffer.allocUnsafe(RECORD_HEAD + key.length + value.length);
  bytes.writeUInt32LE(key.length, 0);
  bytes.writeUInt32LE(value.length, 4);
  bytes.writeUIntLE(line, 8, 6);
  bytes.write(key, RECORD_HEAD, "latin1");
  bytes.write(value, RECORD_HEAD + key.length, "latin1");
  return bytes;
}

function* readRun(fd: number): Generator<SortRecord> {
  let bytes = Buffer.alloc(0);
  let at = 0;
  let position = 0;
  /** Whether `length` octets from `at` on are in memory, read if need be. */
  const have = (length: number): boolean => {
    if (bytes.length - at >= length) return true;
    const more = Buffer.allocUnsafe(Math.max(READ_SIZE, length));
    const read = readSync(fd, more, 0, more.length, position);
    position += read;
    bytes = Buffer.concat([bytes.subarray(at), more.subarray(0, read)]);
    at = 0;
    return bytes.length >= length;
  };
  while (have(RECORD_HEAD)) {
    const keyLength = bytes.readUInt32LE(at);
    const valueLength = bytes.readUInt32LE(at + 4);
    const line = bytes.readUIntLE(at + 8, 6);
    if (!have(RECORD_HEAD + keyLength + valueLength))
      throw new Error("a file of the temporary folder was cut short");
    const start = at + RECORD_HEAD;
    const key = bytes.toString("latin1", start, start + keyLength);
    yield { key, value: bytes.toString("latin1", start + keyLength, start + keyLength + valueLength), line };
    at = start + keyLength + valueLength;
  }
}
