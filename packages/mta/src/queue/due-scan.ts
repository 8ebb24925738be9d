/**
 * Reads the due index, a page at a time, and offers what it finds to the lanes.
 *
 * A pass goes from where the last one ended to the present. What a full lane leaves behind is fetched later, from the place
 * where it was left. Between pages other work gets its turn; nothing but ids is held.
 */
import { compareRows, type Lanes } from "./lanes.ts";
import type { DueRow, QueueStore } from "./queue-store.ts";

/** What a scan works with. */
export interface DueScanParts {
  readonly store: Pick<QueueStore, "dueRows">;
  now(): number;
  /** The lane that a row's message waits in: the row's own, or one that several share. */
  nameOf(row: DueRow): string;
  /** The lanes that a lane belongs to. */
  lanesOf(name: string): Lanes;
  /** What the row stands for is under way already. */
  isBusy(row: DueRow): boolean;
  /** Ids were taken in. */
  taken(): void;
  /** A pass is over. */
  done(): void;
  failed(error: unknown): void;
}

/** Rows read at once. */
const PAGE = 500;
/** Rows of the recent past are read again by each pass: another process may have committed one late (ms). */
const OVERLAP = 5000;
/** A full pass now and then, should the clock have been set back (ms). */
const FULL_PASS = 60_000;

const START: DueRow = { at: 0, id: "", lane: "" };

/** The reader of the due index. */
export class DueScan {
  readonly #parts: DueScanParts;
  readonly #refills = new Set<string>();
  #place = START;
  #lastFull = 0;
  #pass: "none" | "running" | "again" = "none";
  #stopped = false;

  constructor(parts: DueScanParts) {
    this.#parts = parts;
  }

  /** True while pages are being read. */
  get running(): boolean {
    return this.#pass !== "none";
  }

  /** Starts a pass; one under way is followed by another. */
  start(): void {
    if (this.#stopped) return;
    if (this.#pass !== "none") {
      this.#pass = "again";
      return;
    }
    this.#pass = "running";
    const now = this.#parts.now();
    if (Math.abs(now - this.#lastFull) >= FULL_PASS) {
      this.#lastFull = now;
      this.rewind();
    }
    this.#next();
  }

  /** The next pass begins at the start of the index. */
  rewind(): void {
    this.#place = START;
  }

  /** Fetches what a lane left behind. */
  refill(lane: string): void {
    this.#refills.add(lane);
    this.start();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Reads on in a turn of the event loop of its own. */
  #next(): void {
    setImmediate(() => {
      try {
        this.#page();
      } catch (error) {
        this.#parts.failed(error);
        this.#end();
      }
    });
  }

  #page(): void {
    if (this.#stopped) {
      this.#end();
      return;
    }
    for (const lane of this.#refills) {
      if (this.#refillPage(lane)) this.#refills.delete(lane);
    }
    const more = this.#passPage();
    this.#parts.taken();
    if (more || this.#refills.size > 0) this.#next();
    else this.#end();
  }

  /** One page of the pass. Returns true when there is more. */
  #passPage(): boolean {
    const now = this.#parts.now();
    const rows = this.#parts.store.dueRows(now, PAGE, this.#place);
    for (const row of rows) {
      const name = this.#parts.nameOf(row);
      // With no room for anything, what is left waits for the next pass.
      if (this.#parts.lanesOf(name).full) return false;
      this.#offer(name, row, this.#place);
      this.#place = row;
    }
    if (rows.length === PAGE) return true;
    const recent = { ...START, at: now - OVERLAP };
    if (compareRows(recent, this.#place) < 0) this.#place = recent;
    return false;
  }

  /** One page for a lane. Returns true when the lane is full or nothing is left of it. */
  #refillPage(name: string): boolean {
    const lanes = this.#parts.lanesOf(name);
    const lane = lanes.find(name);
    if (lane?.skipped === undefined) return true;
    const rows = this.#parts.store.dueRows(this.#parts.now(), PAGE, lane.skipped);
    for (const row of rows) {
      if (this.#parts.nameOf(row) === name && !this.#offer(name, row, lane.skipped)) return true;
      lane.skipped = row;
    }
    if (rows.length === PAGE) return false;
    lanes.caughtUp(name);
    return true;
  }

  /** Offers a row to its lane; a full one remembers the place before it. */
  #offer(name: string, row: DueRow, before: DueRow): boolean {
    return this.#parts.isBusy(row) || this.#parts.lanesOf(name).offer(name, row.id, before);
  }

  #end(): void {
    const again = this.#pass === "again" && !this.#stopped;
    this.#pass = "none";
    if (again) this.start();
    this.#parts.done();
  }
}
