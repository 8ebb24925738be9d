/**
 * Entries, their messages and their rows in the due index: the changes that a transaction is made of. Rows are always those
 * of the entry as it is stored; what is kept back has none.
 */
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { copyOf } from "./entry-changes.ts";
import { decodeEntry, encodeEntry } from "./entry-codec.ts";
import type { Environment } from "./environment.ts";
import { isKeptBack, type QueueEntry } from "./queue-entry.ts";
import { type DueRow, dueRowsOf } from "./queue-store.ts";

/** An entry with its stored form. */
export interface EncodedEntry {
  readonly entry: QueueEntry;
  readonly bytes: Buffer;
}

/** Key of a row. A key has no empty part, so the lane has a letter in front. */
export function keyOf(row: DueRow): [number, string, string] {
  return [row.at, row.id, `=${row.lane}`];
}

/** The tables of a queue. All but `read` are for within a transaction. */
export class EntryTables {
  readonly #env: Environment;
  readonly #log: Log;

  constructor(env: Environment, log: Log) {
    this.#env = env;
    this.#log = log;
  }

  /** An entry that cannot be read is left alone and named; the rest of the queue goes on. */
  read(id: string): QueueEntry | undefined {
    const bytes = this.#env.entries.get(id);
    if (bytes === undefined) return undefined;
    try {
      return decodeEntry(bytes);
    } catch (error) {
      this.#log.write("error", `${id}: SYSERR(queue): entry cannot be read: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** Puts a new entry in, with its message unless that has a file. */
  put({ entry, bytes }: EncodedEntry, body: Buffer | undefined): void {
    void this.#env.entries.put(entry.id, bytes);
    if (body !== undefined) void this.#env.bodies.put(entry.id, body);
    this.#addRows(entry);
  }

  /** Takes out an entry, its message and its rows. @returns what it was, undefined when there is none */
  remove(id: string): QueueEntry | undefined {
    const stored = this.read(id);
    if (stored === undefined) return undefined;
    this.#dropRows(stored);
    void this.#env.bodies.remove(id);
    void this.#env.entries.remove(id);
    return stored;
  }

  /** As {@link remove}, for an entry that may be unreadable: its rows are found by looking at all. @returns false when there is none */
  discard(id: string): boolean {
    const { entries, bodies, due } = this.#env;
    if (!entries.doesExist(id)) return false;
    for (const key of due.getKeys()) if (key[1] === id) void due.remove(key);
    void bodies.remove(id);
    void entries.remove(id);
    return true;
  }

  /** Writes an entry in place of the stored one. What an administrator did to that one stays; one that is gone is not brought back. */
  replace({ entry, bytes }: EncodedEntry): void {
    const stored = this.read(entry.id);
    if (stored === undefined) return;
    const { held, quarantine } = stored;
    const kept = {
      ...entry,
      ...(held === undefined || entry.held !== undefined ? {} : { held }),
      ...(quarantine === undefined || entry.quarantine !== undefined ? {} : { quarantine }),
    };
    const same = kept.held === entry.held && kept.quarantine === entry.quarantine;
    this.#dropRows(stored);
    void this.#env.entries.put(entry.id, same ? bytes : encodeEntry(kept));
    this.#addRows(kept);
  }

  /** Reads, changes and writes an entry. @returns false when there is none */
  rewrite(id: string, amend: (entry: QueueEntry) => QueueEntry): boolean {
    const stored = this.read(id);
    if (stored === undefined) return false;
    const entry = amend(copyOf(stored));
    this.#dropRows(stored);
    void this.#env.entries.put(id, encodeEntry(entry));
    this.#addRows(entry);
    return true;
  }

  #addRows(entry: QueueEntry): void {
    if (isKeptBack(entry)) return;
    for (const row of dueRowsOf(entry)) void this.#env.due.put(keyOf(row), "");
  }

  #dropRows(entry: QueueEntry): void {
    for (const row of dueRowsOf(entry)) void this.#env.due.remove(keyOf(row));
  }
}
