/**
 * The queue store of the daemon: messages are accepted into the acceptance journal, and those that are not done with a moment
 * later go on into the tables of the queue. See docs/queue.md.
 *
 * A message is *fresh* while it is in the journal alone. Then only this process knows of it; `settle` puts all that are into the
 * tables, which commands ask for before they look.
 */
import type { Clock, Timer } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { AcceptanceJournal, JournalPlace } from "./acceptance-journal.ts";
import type { CommitGroups } from "./commit-groups.ts";
import { copyOf } from "./entry-changes.ts";
import { encodeEntry } from "./entry-codec.ts";
import { type Fresh, isLongFresh } from "./fresh.ts";
import { inOrder } from "./in-order.ts";
import type { JournalRecord } from "./journal-frame.ts";
import type { FreshMessage, LmdbStore } from "./lmdb-store.ts";
import { createMessageWriter, newEntry, SMALL_MESSAGE } from "./message-writer.ts";
import { isKeptBack, type QueueEntry } from "./queue-entry.ts";
import { QueueError } from "./queue-error.ts";
import type { MessageWriter, QueueChange, QueueStore } from "./queue-store.ts";
import { StoreBehind } from "./store-behind.ts";

/** How often it is looked whether something has stayed fresh for long (ms). */
const EVERY = 500;
/** How long the journal is left alone after a fault (ms). */
const PAUSE = 5000;
/** Messages that go into the tables in one commit. */
const CHUNK = 200;

/** However it ends. */
const over = (work: Promise<unknown>): Promise<unknown> => work.catch(() => undefined);

/** What the store works with. */
export interface JournaledParts {
  readonly store: LmdbStore;
  readonly journal: AcceptanceJournal;
  /** Of what goes into the journal. */
  readonly groups: CommitGroups;
  readonly clock: Clock;
  readonly log: Log;
  /** The journal is not used any more. */
  readonly closed: () => void;
}

/** The tables, with the journal before them. */
export class JournaledStore extends StoreBehind implements QueueStore {
  readonly #store: LmdbStore;
  readonly #journal: AcceptanceJournal;
  readonly #groups: CommitGroups;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #closed: () => void;
  readonly #fresh = new Map<string, Fresh>();
  #timer: Timer | undefined;
  /** Not to be used before this time. */
  #usableAt = Number.NEGATIVE_INFINITY;
  #recovering: Promise<void> | undefined;
  #relieving = false;

  constructor({ store, journal, groups, clock, log, closed }: JournaledParts) {
    super(store);
    this.#closed = closed;
    this.#store = store;
    this.#journal = journal;
    this.#groups = groups;
    this.#clock = clock;
    this.#log = log;
    store.findFresh((id, into) => this.#bodyOf(id, into));
    if (journal.isBroken) this.#timer = clock.after(PAUSE, () => this.#look());
  }

  newId(): string {
    let id = this.#store.newId();
    while (this.#fresh.has(id)) id = this.#store.newId();
    return id;
  }

  receive(id: string = this.newId()): MessageWriter {
    const commit = (entry: QueueEntry, body: Buffer | undefined) => this.#accept(entry, body);
    return createMessageWriter(this.#store.writerParts(id, commit, this.#groups));
  }

  async #accept(entry: QueueEntry, body: Buffer | undefined): Promise<void> {
    const { id } = entry;
    // What waits anyway, or has a note of its own, goes to where it stays.
    const isPlain = entry.drop === undefined && !isKeptBack(entry) && entry.nextAttemptAt <= entry.receivedAt;
    if (!isPlain || !this.#isUsable()) return this.#store.insert(entry, body);
    if (this.isThere(id)) throw new QueueError(`queue id ${id} is taken`, "EEXIST");
    const record: JournalRecord = { kind: "accepted", id, entry: encodeEntry(entry), body };
    let places: JournalPlace[];
    try {
      places = await this.#groups.urgent(() => this.#journal.append([record]));
    } catch (error) {
      if (this.#journal.isBroken) {
        this.#hasFailed(error);
        // It may be on the disk all the same, and would come back from there when it has long been delivered.
        await this.#recover();
      }
      return this.#store.insert(entry, body);
    }
    this.#taken(entry, places[0]!, body);
  }

  #taken(entry: QueueEntry, place: JournalPlace, body: Buffer | undefined): void {
    this.#fresh.set(entry.id, { entry: copyOf(entry), place, busy: undefined });
    if (body !== undefined) this.#store.keepRecent(entry.id, body);
    this.#timer ??= this.#clock.after(EVERY, () => this.#look());
  }

  #isUsable(): boolean {
    if (this.#journal.isBroken || this.#clock.now() < this.#usableAt) return false;
    if (!this.#journal.isFull()) return true;
    // What room is left is for the ends of messages.
    this.#relieve();
    return false;
  }

  /** The oldest segment's messages make room; until then messages go into the tables. */
  #relieve(): void {
    if (this.#relieving) return;
    this.#relieving = true;
    const oldest = this.#journal.oldest;
    const inTheWay = [...this.#fresh.values()].filter(({ place }) => place.segment === oldest);
    this.#moveAll(inTheWay)
      .catch((error: unknown) => this.#hasFailed(error))
      .finally(() => (this.#relieving = false));
  }

  #bodyOf(id: string, into?: Buffer): Buffer | undefined {
    const fresh = this.#fresh.get(id);
    if (fresh?.place.size === undefined || !this.#journal.has(fresh.place)) return undefined;
    return this.#journal.read(fresh.place, into);
  }

  get(id: string): QueueEntry | undefined {
    const fresh = this.#fresh.get(id);
    return fresh === undefined ? this.#store.get(id) : copyOf(fresh.entry);
  }

  isThere(id: string): boolean {
    return this.#fresh.has(id) || this.#store.isThere(id);
  }

  list(): Iterable<QueueEntry> {
    const fresh = [...this.#fresh.values()].map(({ entry }) => copyOf(entry));
    return inOrder(fresh, this.#store.list());
  }

  restore(entry: QueueEntry, body: AsyncIterable<Buffer>, note?: string): Promise<boolean> {
    return this.#fresh.has(entry.id) ? Promise.resolve(false) : this.#store.restore(entry, body, note);
  }

  async discard(id: string): Promise<boolean> {
    await this.#intoTables([id]);
    return this.#store.discard(id);
  }

  count(): number {
    return this.#store.count() + this.#fresh.size;
  }

  async change(change: QueueChange): Promise<QueueEntry[]> {
    const { update = [], remove = [], add = [] } = change;
    const ids = [...update.map((entry) => entry.id), ...remove];
    // Between the last look and what follows nothing else may get its turn: what is on its way into the tables would not be ended there.
    for (let busy = this.#busyOf(ids); busy !== undefined; busy = this.#busyOf(ids)) await over(busy);
    const fresh = this.#freshOf(ids);
    if (fresh.length > 0 && !this.#journal.isBroken) {
      if (remove.length === 0) return this.#move(fresh, change);
      const isEnd = update.length === 0 && fresh.length === ids.length;
      const added = isEnd ? await this.#end(fresh, add) : undefined;
      if (added !== undefined) return added;
    }
    await this.#intoTables(ids);
    return this.#store.change(change);
  }

  #freshOf(ids: readonly string[]): Fresh[] {
    return ids.map((id) => this.#fresh.get(id)).filter((one) => one !== undefined);
  }

  /** Has messages be in the tables, where anything may be done with them. */
  async #intoTables(ids: readonly string[]): Promise<void> {
    for (;;) {
      const fresh = this.#freshOf(ids);
      if (fresh.length === 0) return;
      const busy = this.#busyOf(ids);
      if (busy !== undefined) await over(busy);
      else if (this.#journal.isBroken) await this.#recover();
      else await this.#move(fresh);
    }
  }

  #busyOf(ids: readonly string[]): Promise<unknown> | undefined {
    for (const id of ids) {
      const fresh = this.#fresh.get(id);
      // A journal that is being emptied has all of them on their way into the tables, to the very end.
      const busy = fresh && (fresh.busy ?? this.#recovering);
      if (busy !== undefined) return busy;
    }
    return undefined;
  }

  /** The ends of messages and the reports about them: one frame. @returns undefined when it could not be written */
  async #end(
    fresh: readonly Fresh[],
    add: NonNullable<QueueChange["add"]>,
  ): Promise<QueueEntry[] | undefined> {
    const added = add.map(({ message, body }) => {
      if (body.length > SMALL_MESSAGE) throw new QueueError("a report is over 64 KiB", "EFBIG");
      return { entry: newEntry(this.newId(), message, body.length, this.#clock.now()), body };
    });
    const records: JournalRecord[] = [
      ...added.map(({ entry, body }) => ({
        kind: "accepted" as const,
        id: entry.id,
        entry: encodeEntry(entry),
        body,
      })),
      ...fresh.map(({ entry }) => ({ kind: "done" as const, id: entry.id })),
    ];
    const written = this.#groups.patient(() => this.#journal.append(records));
    for (const one of fresh) one.busy = written;
    let places: JournalPlace[];
    try {
      places = await written;
    } catch (error) {
      for (const one of fresh) one.busy = undefined;
      if (this.#journal.isBroken) this.#hasFailed(error);
      return undefined;
    }
    for (const { entry, place } of fresh) {
      this.#fresh.delete(entry.id);
      this.#journal.release(place);
    }
    for (const [i, { entry, body }] of added.entries()) this.#taken(entry, places[i]!, body);
    for (const { entry } of fresh) {
      const gone = this.#store.forget(entry);
      if (gone !== undefined) await gone;
    }
    return added.map(({ entry }) => entry);
  }

  /**
   * Puts messages into the tables, with a change to them in the same commit, and notes in the journal that they are there. Until
   * that is durable nothing else is done with them: their end would be taken back by a crash.
   */
  async #move(messages: readonly Fresh[], change: QueueChange = {}): Promise<QueueEntry[]> {
    // Whoever moves many comes to some of them late: they may have been moved by others, and be done with.
    const moving = messages.filter((one) => one.busy === undefined && this.#fresh.get(one.entry.id) === one);
    if (moving.length === 0) return [];
    const work = this.#moved(moving, change);
    for (const one of moving) one.busy = work;
    try {
      return await work;
    } finally {
      for (const one of moving) one.busy = undefined;
    }
  }

  async #moved(messages: readonly Fresh[], change: QueueChange): Promise<QueueEntry[]> {
    const added = await this.#store.change(change, messages.map(this.#wholeOf));
    const records = messages.map(({ entry }) => ({ kind: "done" as const, id: entry.id }));
    try {
      await this.#groups.urgent(() => this.#journal.append(records));
    } catch (error) {
      this.#hasFailed(error);
      // They are in the tables; the journal, which cannot say so, has to go.
      await this.#recover();
      return added;
    }
    for (const { entry, place } of messages) {
      this.#fresh.delete(entry.id);
      this.#journal.release(place);
    }
    return added;
  }

  readonly #wholeOf = ({ entry, place }: Fresh): FreshMessage => {
    if (place.size === undefined) return { entry, body: undefined };
    return { entry, body: this.#store.body(entry).whole() ?? this.#journal.read(place) };
  };

  /** Puts messages into the tables, so many at a time. */
  async #moveAll(messages: readonly Fresh[]): Promise<void> {
    for (let i = 0; i < messages.length; i += CHUNK) await this.#move(messages.slice(i, i + CHUNK));
  }

  /**
   * Puts all that has been accepted so far into the tables, where other processes see it. What ends meanwhile is as good as gone.
   *
   * @throws when the tables cannot be written
   */
  async settle(): Promise<void> {
    const fresh = [...this.#fresh.values()];
    const busy = fresh.flatMap(({ busy: work }) => (work === undefined ? [] : [over(work)]));
    await this.#moveAll(fresh);
    await Promise.all(busy);
  }

  /** What has been fresh for long goes on into the tables. */
  #look(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    const old = [...this.#fresh.values()].filter((one) => one.busy === undefined && isLongFresh(one, now));
    const done = this.#journal.isBroken ? this.#recover() : this.#moveAll(old);
    done
      .catch((error: unknown) => this.#log.write("error", `SYSERR(queue): ${messageOf(error)}`))
      .finally(() => {
        const { isBroken } = this.#journal;
        if (this.#fresh.size > 0 || isBroken)
          this.#timer ??= this.#clock.after(isBroken ? PAUSE : EVERY, () => this.#look());
      });
  }

  #hasFailed(error: unknown): void {
    const isNew = this.#clock.now() >= this.#usableAt;
    this.#usableAt = this.#clock.now() + PAUSE;
    if (isNew) this.#log.write("error", `SYSERR(queue): ${messageOf(error)}; the queue goes on without it`);
    this.#timer ??= this.#clock.after(EVERY, () => this.#look());
  }

  /**
   * Empties a journal that cannot be written: all its messages go into the tables, then its files go.
   *
   * @throws when that cannot be done now; it is tried again
   */
  #recover(): Promise<void> {
    this.#recovering ??= this.#emptied().finally(() => {
      this.#recovering = undefined;
    });
    return this.#recovering;
  }

  async #emptied(): Promise<void> {
    // Whoever was told of a durable message a moment ago has put it down here by then.
    await new Promise(setImmediate);
    const fresh = [...this.#fresh.values()];
    for (let i = 0; i < fresh.length; i += CHUNK) {
      await this.#store.change({}, fresh.slice(i, i + CHUNK).map(this.#wholeOf));
    }
    await this.#journal.reset();
    for (const { entry } of fresh) this.#fresh.delete(entry.id);
  }

  async hold(id: string, reason: string): Promise<boolean> {
    await this.#intoTables([id]);
    return this.#store.hold(id, reason);
  }

  async quarantine(id: string, reason: string): Promise<boolean> {
    await this.#intoTables([id]);
    return this.#store.quarantine(id, reason);
  }

  async release(id: string, now: number): Promise<boolean> {
    await this.#intoTables([id]);
    return this.#store.release(id, now);
  }

  async forceAll(now: number, wanted?: (entry: QueueEntry) => boolean): Promise<number> {
    await this.settle();
    return this.#store.forceAll(now, wanted);
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await Promise.all([this.#groups.drain(), this.#store.drain()]);
    try {
      await this.settle();
      // What could not be moved stays in the journal, and the next process takes it in.
      if (this.#fresh.size === 0) await this.#journal.reset();
    } catch (error) {
      this.#log.write("error", `SYSERR(queue): ${messageOf(error)}; the next start goes on with it`);
    }
    this.#timer?.cancel();
    this.#closed();
    await this.#store.close();
  }
}
