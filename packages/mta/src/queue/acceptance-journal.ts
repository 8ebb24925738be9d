/**
 * The acceptance journal: where a message is made durable when it is accepted. One write to the end of a file carries all
 * messages that are accepted at about the same time, and the ends of others. Most messages are delivered a moment later and
 * are done with before they get any further; what stays in the queue goes into its tables (see journaled-store.ts).
 *
 * The files form a ring. The oldest is written anew when none of its messages is left: by then all that it says of the ends of
 * messages concerns files that were written anew before it.
 */
import { performance } from "node:perf_hooks";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { FRAME_HEAD, frameHead, type JournalRecord, recordPieces } from "./journal-frame.ts";
import {
  createSegment,
  type JournalFileSystem,
  readWhole,
  removeSegments,
  SEGMENT_SIZE,
  type Segment,
  syncFolder,
  withRoom,
  writeLater,
  writeNow,
} from "./journal-segment.ts";
import { QueueError } from "./queue-error.ts";

/** Segments at most: 64 MiB. */
const MOST_SEGMENTS = 32;
/** Octets of one frame, more or less: what is waiting goes into the next one. */
const FRAME_SIZE = 1024 * 1024;
/**
 * A disk that answers within this time (ms) is written to while everything else waits, when one message comes in at a time:
 * handing the write to another thread and back takes about as long.
 */
const QUICK = 1;
/** A write that was handed over was not quick when it took longer than this (ms). */
const QUICK_THERE_AND_BACK = 2;
/** So many writes are handed over at first, … */
const FIRST_HANDED_OVER = 20;
/** … and after one that was not quick. */
const HANDED_OVER = 16;

/** Where a message is in the journal. */
export interface JournalPlace {
  readonly segment: Segment;
  /** Where its octets begin, and how many they are; undefined when it is in a file of its own. */
  readonly at: number;
  readonly size: number | undefined;
}

/** What a journal works with. */
export interface JournalParts {
  readonly dir: string;
  readonly fs: JournalFileSystem;
  /** True when nothing else is coming in. */
  readonly isAlone: () => boolean;
  /** What an earlier process left and could not be taken in yet: nothing is written before it is. */
  readonly takeIn?: () => Promise<void>;
}

interface Waiting {
  readonly pieces: readonly Buffer[];
  readonly records: readonly JournalRecord[];
  readonly length: number;
  resolve(places: JournalPlace[]): void;
  reject(error: unknown): void;
}

/** The journal of a queue that is open. The folder is there and holds no segments when it begins. */
export class AcceptanceJournal {
  readonly #dir: string;
  readonly #fs: JournalFileSystem;
  readonly #isAlone: () => boolean;
  /** In the order of their generations: the last one is being written. */
  #segments: Segment[] = [];
  #waiting: Waiting[] = [];
  #state: "idle" | "scheduled" | "writing" | "broken" = "idle";
  #generation = 0;
  #handOver = FIRST_HANDED_OVER;
  #takeIn: (() => Promise<void>) | undefined;

  constructor({ dir, fs, isAlone, takeIn }: JournalParts) {
    this.#takeIn = takeIn;
    if (takeIn !== undefined) this.#state = "broken";
    this.#dir = dir;
    this.#fs = fs;
    this.#isAlone = isAlone;
  }

  /** Nothing can be written until it is {@link reset}: a write failed. */
  get isBroken(): boolean {
    return this.#state === "broken";
  }

  /** The segment that is written anew next. */
  get oldest(): Segment | undefined {
    return this.#segments[0];
  }

  /** The messages of these segments keep them from being written anew, and there is no room for others. */
  isFull(): boolean {
    return this.#segments.length >= MOST_SEGMENTS && (this.#segments[0]?.live ?? 0) > 0;
  }

  /**
   * Writes records; they count together or not at all. Resolves when they are on stable storage.
   *
   * @returns the places of the accepted messages among them, in order
   * @throws QueueError when they could not be written, or there is no room
   */
  append(records: readonly JournalRecord[]): Promise<JournalPlace[]> {
    if (this.#state === "broken") return Promise.reject(new QueueError(`${this.#dir}: not in use`, "EIO"));
    const pieces = recordPieces(records);
    let length = 0;
    for (const piece of pieces) length += piece.length;
    if (FRAME_HEAD + length > SEGMENT_SIZE)
      return Promise.reject(new QueueError("too large for the journal", "EFBIG"));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ pieces, records, length, resolve, reject });
      this.#schedule();
    });
  }

  /** A message of a place is done with, and that is durable. */
  release({ segment }: JournalPlace): void {
    segment.live--;
  }

  /** False once its file is removed, or about to be: its messages are in the tables by then. */
  has({ segment }: JournalPlace): boolean {
    return segment.fd >= 0;
  }

  /**
   * The octets of a message.
   *
   * @param into where they go, as long as they are
   * @throws when they cannot be read
   */
  read({ segment, at, size = 0 }: JournalPlace, into: Buffer = Buffer.allocUnsafe(size)): Buffer {
    readWhole(segment.fd, segment.path, at, into, this.#fs);
    return into;
  }

  /**
   * Forgets everything and begins anew: what was in it is in the tables, or done with.
   *
   * @throws when the files cannot be removed; the journal stays out of use then
   */
  async reset(): Promise<void> {
    while (this.#state === "writing" || this.#state === "scheduled") await new Promise(setImmediate);
    this.#state = "broken";
    await this.#takeIn?.();
    this.#takeIn = undefined;
    try {
      // A file that stayed would bring back, at the next start, what has long been delivered.
      await removeSegments(this.#dir, this.#segments, this.#fs);
    } catch (error) {
      throw this.#fault("removed", error);
    }
    this.#segments = [];
    this.#state = "idle";
  }

  #schedule(): void {
    if (this.#state !== "idle" || this.#waiting.length === 0) return;
    this.#state = "scheduled";
    // With others on their way, what comes in this turn of the event loop goes along.
    if (this.#isAlone()) queueMicrotask(() => this.#write());
    else setImmediate(() => this.#write());
  }

  #write(): void {
    this.#state = "writing";
    const batch = this.#nextBatch();
    const pieces: Buffer[] = [];
    let length = FRAME_HEAD;
    for (const one of batch) {
      pieces.push(...one.pieces);
      length += one.length;
    }
    const segment = this.#current(length);
    if (segment !== undefined) {
      this.#writeFrame(segment, batch, pieces, length);
      return;
    }
    if (this.#segments.length >= MOST_SEGMENTS) {
      // Whoever looks whether it is full before a message is accepted never comes here.
      this.#failed(batch, new Error("it is full"));
      return;
    }
    this.#addSegment().then(
      (added) => this.#writeFrame(added, batch, pieces, length),
      (error: unknown) => this.#failed(batch, error),
    );
  }

  #nextBatch(): Waiting[] {
    let length = 0;
    const last = this.#waiting.findIndex(({ length: more }, i) => (length += more) > FRAME_SIZE && i > 0);
    return this.#waiting.splice(0, last < 0 ? this.#waiting.length : last);
  }

  /** The segment that a frame goes to; undefined when one is to be made. */
  #current(length: number): Segment | undefined {
    const current = this.#segments.at(-1);
    if (current !== undefined && current.end + length <= SEGMENT_SIZE) return current;
    const [oldest] = this.#segments;
    if (oldest === undefined || oldest.live > 0) return undefined;
    this.#segments.shift();
    return this.#begin(oldest);
  }

  #begin(segment: Segment): Segment {
    Object.assign(segment, { generation: ++this.#generation, frames: 0, end: 0, live: 0 });
    this.#segments.push(segment);
    return segment;
  }

  async #addSegment(): Promise<Segment> {
    const number = 1 + Math.max(0, ...this.#segments.map((segment) => segment.number));
    const segment = createSegment(this.#dir, number, this.#fs);
    // From here on it is removed with the others, whatever happens.
    this.#begin(segment);
    await syncFolder(this.#dir, this.#fs);
    return segment;
  }

  #writeFrame(segment: Segment, batch: readonly Waiting[], pieces: readonly Buffer[], length: number): void {
    const head = frameHead(segment.generation, segment.frames, pieces);
    const all = withRoom(segment, [head, ...pieces], length);
    // One that makes the file longer says nothing of the others.
    const grows = all.length > pieces.length + 1;
    const began = performance.now();
    const over = (limit: number) => {
      if (!grows && performance.now() - began > limit) this.#handOver = HANDED_OVER;
      this.#written(segment, batch, all, length);
    };
    if (this.#handOver === 0 && !grows && this.#isAlone()) {
      try {
        writeNow(segment.fd, all, segment.end, this.#fs);
      } catch (error) {
        this.#failed(batch, error);
        return;
      }
      over(QUICK);
      return;
    }
    if (this.#handOver > 0) this.#handOver--;
    writeLater(segment.fd, all, segment.end, this.#fs, (error) => {
      if (error === null) over(QUICK_THERE_AND_BACK);
      else this.#failed(batch, error);
    });
  }

  #written(segment: Segment, batch: readonly Waiting[], all: readonly Buffer[], length: number): void {
    const octets = all.reduce((sum, piece) => sum + piece.length, 0);
    segment.allocated = Math.max(segment.allocated, segment.end + octets);
    let at = segment.end + FRAME_HEAD;
    segment.end += length;
    segment.frames++;
    for (const one of batch) {
      const places: JournalPlace[] = [];
      let place = at;
      for (const record of one.records) {
        const octetsOf = recordLength(record);
        place += octetsOf;
        if (record.kind !== "accepted") continue;
        const size = record.body?.length;
        segment.live++;
        places.push({ segment, at: place - (size ?? 0), size });
      }
      at += one.length;
      one.resolve(places);
    }
    this.#state = "idle";
    this.#schedule();
  }

  #failed(batch: readonly Waiting[], error: unknown): void {
    this.#state = "broken";
    const fault = this.#fault("written", error);
    for (const one of [...batch, ...this.#waiting.splice(0)]) one.reject(fault);
  }

  #fault(act: "written" | "removed", cause: unknown): QueueError {
    const text = `${this.#dir}: the journal cannot be ${act}: ${messageOf(cause)}`;
    return new QueueError(text, errnoOf(cause), { cause });
  }
}

function recordLength(record: JournalRecord): number {
  return record.kind === "done"
    ? 2 + record.id.length
    : 10 + record.id.length + record.entry.length + (record.body?.length ?? 0);
}
