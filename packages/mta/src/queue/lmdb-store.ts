/**
 * The file-backed queue store: one LMDB environment and a folder of large messages. See docs/queue.md.
 */
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { IF_EXISTS } from "lmdb";
import { CommitGroups } from "./commit-groups.ts";
import { copyOf, dueNow, force } from "./entry-changes.ts";
import { decodeEntry, encodeEntry } from "./entry-codec.ts";
import { EntryTables, keyOf } from "./entry-tables.ts";
import type { Environment } from "./environment.ts";
import { type DfFileSystem, nodeDfFileSystem, removeDf, sweepDf } from "./large-body.ts";
import { writerLives } from "./living-process.ts";
import { createMessageWriter, newEntry, SMALL_MESSAGE, type WriterParts } from "./message-writer.ts";
import { isKeptBack, type QueueEntry } from "./queue-entry.ts";
import { committed, QueueError } from "./queue-error.ts";
import { type QueueIdSource, queueIdSource } from "./queue-id.ts";
import type { DueRow, MessageBody, MessageWriter, QueueChange, QueueStore } from "./queue-store.ts";
import { RecentBodies } from "./recent-bodies.ts";
import { type BodyPlaces, bodyFault, storedBody } from "./stored-body.ts";

/** How a store works. */
export interface StoreOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly fileSystem?: DfFileSystem;
  /** For the daemon: commits wait for each other, see commit-groups.ts. */
  readonly groups?: CommitGroups;
}

/** A message that was accepted elsewhere and is to be in the tables; its body is absent when it is in a file. */
export interface FreshMessage {
  readonly entry: QueueEntry;
  readonly body: Buffer | undefined;
}

/** Entries that one transaction of a change to the whole queue rewrites. */
const CHUNK = 500;

/** The tables and the folder. */
export class LmdbStore implements QueueStore {
  readonly #env: Environment;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #fs: DfFileSystem;
  readonly #nextId: QueueIdSource;
  readonly #groups: CommitGroups;
  readonly #recent = new RecentBodies();
  readonly #places: BodyPlaces;
  readonly #tables: EntryTables;
  /** The last id that was in the tables when the first new one was drawn. */
  #newest: string | undefined;

  constructor(env: Environment, options: StoreOptions) {
    this.#env = env;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#fs = options.fileSystem ?? nodeDfFileSystem;
    this.#groups = options.groups ?? new CommitGroups();
    this.#nextId = queueIdSource(options.clock);
    this.#tables = new EntryTables(env, options.log);
    this.#places = {
      recent: this.#recent,
      fresh: () => undefined,
      bodies: env.bodies,
      large: env.paths.large,
    };
  }

  /** Removes what a crash left half written. What a process that opened the queue before us is writing stays. */
  async sweep(before: number): Promise<void> {
    const isWanted = (id: string) => writerLives(id) || this.#env.entries.doesExist(id);
    const swept = await sweepDf(this.#env.paths.large, before, isWanted, this.#fs);
    for (const id of swept)
      this.#log.write("info", `${id}: message was never accepted; its data file is removed`);
  }

  receive(id: string = this.newId()): MessageWriter {
    return createMessageWriter(this.writerParts(id, (entry, body) => this.insert(entry, body)));
  }

  /** What a writer needs. */
  writerParts(id: string, commit: WriterParts["commit"], groups: CommitGroups = this.#groups): WriterParts {
    return { id, dfDir: this.#env.paths.large, fs: this.#fs, clock: this.#clock, groups, commit };
  }

  /** Where messages are that are not in the tables yet. */
  findFresh(fresh: BodyPlaces["fresh"]): void {
    this.#places.fresh = fresh;
  }

  /** Keeps a message at hand that will be delivered in a moment. */
  keepRecent(id: string, body: Buffer): void {
    this.#recent.keep(id, body);
  }

  /** A message is done with that never was in the tables. @returns resolves when its file is gone, if it has one */
  forget({ id, size }: QueueEntry): Promise<void> | undefined {
    this.#recent.drop(id);
    return size > SMALL_MESSAGE ? this.#dropDf(id) : undefined;
  }

  /**
   * An id that no message has, whatever another process of the same number drew before. Ids sort by time: one behind all that were
   * there needs no look; who puts it in notices another container's process.
   */
  newId(): string {
    let id = this.#nextId();
    this.#newest ??= [...this.#env.entries.getKeys({ reverse: true, limit: 1 })][0] ?? "";
    while (id <= this.#newest && this.#env.entries.doesExist(id)) id = this.#nextId();
    return id;
  }

  /**
   * Puts in a message that has been accepted.
   *
   * @param note taken with it, and a reason to refuse it when it is there already
   */
  async insert(entry: QueueEntry, body: Buffer | undefined, note = entry.drop): Promise<void> {
    const { entries, drops, root, paths, gate } = this.#env;
    const encoded = { entry, bytes: encodeEntry(entry) };
    const put = () => this.#tables.put(encoded, body);
    // Who takes the same file at the same time finds its note, whatever it saw before.
    const write =
      note === undefined
        ? () => entries.ifNoExists(entry.id, put)
        : () =>
            root.transaction(() => {
              if (entries.doesExist(entry.id) || drops.doesExist(note)) return false;
              void drops.put(note, entry.id);
              put();
              return true;
            });
    if (
      !(await committed(
        this.#groups.urgent(() => gate.commit(write)),
        paths.dir,
      ))
    )
      throw new QueueError(
        `queue id ${entry.id} is taken${note === undefined ? "" : `, or ${note} is queued already`}`,
        "EEXIST",
      );
    if (body !== undefined && !isKeptBack(entry)) this.#recent.keep(entry.id, body);
  }

  queuedDrop(name: string): string | undefined {
    this.#env.root.resetReadTxn();
    return this.#env.drops.get(name);
  }

  queuedDrops(): string[] {
    this.#env.root.resetReadTxn();
    return [...this.#env.drops.getKeys()];
  }

  async forgetDrop(name: string): Promise<void> {
    const { drops, gate, paths } = this.#env;
    await committed(
      gate.commit(() => drops.remove(name)),
      paths.dir,
    );
  }

  get(id: string): QueueEntry | undefined {
    this.#env.root.resetReadTxn();
    return this.#tables.read(id);
  }

  isThere(id: string): boolean {
    this.#env.root.resetReadTxn();
    return this.#env.entries.doesExist(id);
  }

  body(entry: QueueEntry): MessageBody {
    return storedBody(entry, this.#places);
  }

  bodyFault(entry: QueueEntry): string | undefined {
    return bodyFault(entry, this.#places);
  }

  *list(): Iterable<QueueEntry> {
    this.#env.root.resetReadTxn();
    for (const id of this.#env.entries.getKeys()) {
      const entry = this.#tables.read(id);
      if (entry !== undefined) yield entry;
    }
  }

  *unreadable(): Iterable<{ readonly id: string; readonly reason: string }> {
    this.#env.root.resetReadTxn();
    for (const id of this.#env.entries.getKeys()) {
      const bytes = this.#env.entries.get(id);
      try {
        if (bytes !== undefined) decodeEntry(bytes);
      } catch (error) {
        yield { id, reason: messageOf(error) };
      }
    }
  }

  async restore(entry: QueueEntry, body: AsyncIterable<Buffer>, note?: string): Promise<boolean> {
    const { entries, paths } = this.#env;
    this.#env.root.resetReadTxn();
    if (entries.doesExist(entry.id)) return false;
    // An earlier try that was cut short may have left its file.
    await removeDf(paths.large, entry.id, this.#fs);
    const commit: WriterParts["commit"] = (fresh, bytes) =>
      this.insert({ ...copyOf(entry), size: fresh.size }, bytes, note);
    const writer = createMessageWriter(this.writerParts(entry.id, commit));
    try {
      for await (const piece of body) await writer.write(piece);
      await writer.commit(entry);
      return true;
    } catch (error) {
      await writer.abort();
      if (errnoOf(error) === "EEXIST" && this.get(entry.id) !== undefined) return false;
      throw error;
    }
  }

  async discard(id: string): Promise<boolean> {
    const { root, paths, gate } = this.#env;
    const commit = gate.commit(() => root.transaction(() => this.#tables.discard(id)));
    const found = await committed(commit, paths.dir);
    this.#recent.drop(id);
    if (found) await this.#dropDf(id);
    return found;
  }

  count(): number {
    this.#env.root.resetReadTxn();
    return (this.#env.entries.getStats() as { entryCount: number }).entryCount;
  }

  due(now: number, limit: number): string[] {
    return this.dueRows(now, limit).map((row) => row.id);
  }

  dueRows(now: number, limit: number, after?: DueRow): DueRow[] {
    this.#env.root.resetReadTxn();
    const rows: DueRow[] = [];
    const range = this.#env.due.getKeys({
      ...(after === undefined ? {} : { start: keyOf(after), exclusiveStart: true }),
      // Ids are ASCII: every one sorts before this.
      end: [now, "\x7f", ""],
      limit,
    });
    for (const [at, id, lane] of range) rows.push({ at, id, lane: lane.slice(1) });
    return rows;
  }

  nextDue(): number | undefined {
    this.#env.root.resetReadTxn();
    for (const key of this.#env.due.getKeys({ limit: 1 })) return key[0];
    return undefined;
  }

  /** @param fresh messages that the change is about and that are not in the tables: they are put in with it */
  async change(change: QueueChange, fresh: readonly FreshMessage[] = []): Promise<QueueEntry[]> {
    const { entries, root, paths, gate } = this.#env;
    if (change.known !== undefined && (await this.#removeKnown(change, change.known))) return [];
    // Everything that may fail is done before the transaction, which has no way back.
    const updates = (change.update ?? []).map((entry) => ({
      entry: copyOf(entry),
      bytes: encodeEntry(entry),
    }));
    const added = (change.add ?? []).map(({ message, body }) => {
      if (body.length > SMALL_MESSAGE) throw new QueueError("a report is over 64 KiB", "EFBIG");
      const entry = newEntry(this.newId(), message, body.length, this.#clock.now());
      return { entry, body, bytes: encodeEntry(entry) };
    });
    const put = fresh.map(({ entry, body }) => ({ entry, body, bytes: encodeEntry(entry) }));
    const large: string[] = [];
    const write = () => {
      for (const one of put) if (!entries.doesExist(one.entry.id)) this.#tables.put(one, one.body);
      for (const id of change.remove ?? []) {
        const stored = this.#tables.remove(id);
        if (stored !== undefined && stored.size > SMALL_MESSAGE) large.push(id);
      }
      for (const update of updates) this.#tables.replace(update);
      for (const one of added) this.#tables.put(one, one.body);
    };
    await committed(
      this.#groups.patient(() => gate.commit(() => root.transaction(write))),
      paths.dir,
    );
    // What waits for its next attempt does not take the room of what comes in.
    for (const id of change.remove ?? []) this.#recent.drop(id);
    for (const { entry } of updates) this.#recent.drop(entry.id);
    for (const id of large) await this.#dropDf(id);
    return added.map(({ entry }) => entry);
  }

  /**
   * The ordinary end of a message, without a look at what is stored: as long as its row stands where it was, nobody has
   * changed the entry in a way that matters to its removal. Whatever an administrator does takes the row away or moves it.
   *
   * @returns false when it is to be done in full
   */
  async #removeKnown(
    { update = [], remove = [], add = [] }: QueueChange,
    known: NonNullable<QueueChange["known"]>,
  ): Promise<boolean> {
    const [id] = remove;
    if (id === undefined || remove.length + update.length + add.length > 1) return false;
    const { entries, bodies, due, paths, gate } = this.#env;
    const key = keyOf(known.row);
    const isSmall = known.size <= SMALL_MESSAGE;
    const write = () =>
      due.ifVersion(key, IF_EXISTS, () => {
        void due.remove(key);
        if (isSmall) void bodies.remove(id);
        void entries.remove(id);
      });
    if (
      !(await committed(
        this.#groups.patient(() => gate.commit(write)),
        paths.dir,
      ))
    )
      return false;
    this.#recent.drop(id);
    if (!isSmall) await this.#dropDf(id);
    return true;
  }

  /** A file that stays behind costs space only, and the next start removes it. */
  async #dropDf(id: string): Promise<void> {
    try {
      await removeDf(this.#env.paths.large, id, this.#fs);
    } catch (error) {
      this.#log.write("warn", `${id}: data file cannot be removed: ${messageOf(error)}`);
    }
  }

  hold(id: string, reason: string): Promise<boolean> {
    return this.#amend(id, (entry) => ({ ...entry, held: reason }));
  }

  release(id: string, now: number): Promise<boolean> {
    return this.#amend(id, (entry) => {
      delete entry.held;
      delete entry.quarantine;
      return dueNow(entry, now);
    });
  }

  quarantine(id: string, reason: string): Promise<boolean> {
    return this.#amend(id, (entry) => ({ ...entry, quarantine: reason }));
  }

  /** Reads, changes and writes one entry in one transaction. */
  async #amend(id: string, amend: (entry: QueueEntry) => QueueEntry): Promise<boolean> {
    const { root, gate } = this.#env;
    const commit = gate.commit(() => root.transaction(() => this.#tables.rewrite(id, amend)));
    return committed(commit, this.#env.paths.dir);
  }

  async forceAll(now: number, wanted: (entry: QueueEntry) => boolean = () => true): Promise<number> {
    let count = 0;
    let last: string | undefined;
    for (;;) {
      this.#env.root.resetReadTxn();
      const start = last === undefined ? {} : { start: last, exclusiveStart: true };
      const ids = [...this.#env.entries.getKeys({ ...start, limit: CHUNK })];
      if (ids.length === 0) return count;
      last = ids.at(-1);
      const commit = this.#commitForced(ids, now, wanted);
      count += await committed(commit, this.#env.paths.dir);
    }
  }

  /** Forces those of some messages that are wanted. @returns how many */
  #commitForced(
    ids: readonly string[],
    now: number,
    wanted: (entry: QueueEntry) => boolean,
  ): Promise<number> {
    const write = () => {
      let forced = 0;
      for (const id of ids) {
        const stored = this.#tables.read(id);
        const free = stored !== undefined && !isKeptBack(stored) && wanted(stored);
        if (free && this.#tables.rewrite(id, (entry) => force(entry, now))) forced++;
      }
      return forced;
    };
    return this.#env.gate.commit(() => this.#env.root.transaction(write));
  }

  /** Nothing waits for company any more. */
  drain(): Promise<void> {
    return this.#groups.drain();
  }

  async close(): Promise<void> {
    await this.#groups.drain();
    await this.#env.close();
  }
}
