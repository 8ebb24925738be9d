/**
 * Gathers work by mailbox: one batch of a mailbox at a time, several mailboxes side by side, everything that arrives
 * meanwhile in the next batch. When a batch is worth it, mailbox-gathering.ts says.
 */
import type { Clock } from "@mailhost/common/clock";
import { FORGOTTEN, type Gathered, Gathering } from "./mailbox-gathering.ts";

/** Work for one mailbox, done together. */
export interface Batch<T> {
  readonly name: string;
  readonly items: readonly T[];
}

/** How batches are made and written. */
export interface BatchParts<T, R> {
  /**
   * Writes a batch; one result an item, in their order.
   *
   * @param givePlaceUp to be called before a long wait: another mailbox is written meanwhile
   */
  write(batch: Batch<T>, givePlaceUp: () => void): Promise<R[]>;
  /** Octets of an item. */
  sizeOf(item: T): number;
  /** An item waits for others, or for the batch before it. */
  waits?(item: T): void;
  readonly clock: Clock;
  /** Whether more mail is on its way. Absent: nobody knows. */
  readonly isComing?: () => boolean;
  /** Mailboxes that are written at once, 32; those whose writer gave its place up do not count. */
  readonly parallel?: number;
}

/** A batch ends at so many items, or before it gets larger than so many octets. */
const MOST_ITEMS = 1000;
const MOST_OCTETS = 16 * 1024 * 1024;
/** So many mailboxes are remembered before those that have become quiet are looked for. */
const REMEMBERED = 1000;

interface Job<T, R> {
  readonly item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

interface Mailbox<T, R> extends Gathered {
  readonly name: string;
  jobs: Job<T, R>[];
  /** Not `quiet`: it has something to do. `ready`: it waits for its turn. */
  state: "quiet" | "gathering" | "ready" | "being written";
}

/** Batches of all mailboxes. */
export class MailboxBatches<T, R> {
  readonly #parts: BatchParts<T, R>;
  readonly #parallel: number;
  /** Mailboxes that have got something lately. */
  readonly #mailboxes = new Map<string, Mailbox<T, R>>();
  readonly #gathering: Gathering<Mailbox<T, R>>;
  /** Mailboxes that wait for their turn. */
  readonly #turns: Mailbox<T, R>[] = [];
  readonly #idle: (() => void)[] = [];
  #running = 0;
  /** Mailboxes with something to do. */
  #busy = 0;
  #sweepAt = REMEMBERED;

  constructor(parts: BatchParts<T, R>) {
    this.#parts = parts;
    this.#parallel = parts.parallel ?? 32;
    const release = (mailbox: Mailbox<T, R>) => {
      this.#ready(mailbox);
      this.#next();
    };
    this.#gathering = new Gathering(parts.clock, release, parts.isComing);
  }

  /** Adds an item to the next batch of a mailbox; resolves with its result. */
  add(name: string, item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      const mailbox = this.#mailbox(name);
      const octets = this.#parts.sizeOf(item);
      this.#gathering.noteArrival(mailbox);
      mailbox.jobs.push({ item, resolve, reject });
      mailbox.letters++;
      mailbox.octets += octets;
      if (mailbox.state !== "quiet") {
        this.#parts.waits?.(item);
        if (mailbox.state === "gathering") this.#gathering.grew(mailbox, octets);
        return;
      }
      this.#busy++;
      if (this.#gathers(mailbox)) {
        this.#parts.waits?.(item);
        return;
      }
      // The batch is taken in the next turn of the loop, so that what arrives in this one is in it.
      setImmediate(() => this.#next());
    });
  }

  /** Nobody waits for more items any more, now and from now on. */
  hurry(): void {
    this.#gathering.hurry();
  }

  /** Resolves when nothing is waiting or being written. */
  idle(): Promise<void> {
    if (this.#busy === 0) return Promise.resolve();
    return new Promise((done) => this.#idle.push(done));
  }

  #mailbox(name: string): Mailbox<T, R> {
    const known = this.#mailboxes.get(name);
    if (known !== undefined) return known;
    if (this.#mailboxes.size >= this.#sweepAt) this.#forgetQuiet();
    const fresh: Mailbox<T, R> = {
      name,
      jobs: [],
      state: "quiet",
      lastAt: Number.NEGATIVE_INFINITY,
      apart: Number.POSITIVE_INFINITY,
      letters: 0,
      octets: 0,
      since: 0,
    };
    this.#mailboxes.set(name, fresh);
    return fresh;
  }

  #forgetQuiet(): void {
    const now = this.#parts.clock.now();
    for (const mailbox of this.#mailboxes.values()) {
      const isKnown = Math.abs(now - mailbox.lastAt) <= FORGOTTEN;
      if (mailbox.state === "quiet" && !isKnown) this.#mailboxes.delete(mailbox.name);
    }
    this.#sweepAt = Math.max(REMEMBERED, 2 * this.#mailboxes.size);
  }

  /** Whether a mailbox waits for more; if not, it has its turn when there is a place. */
  #gathers(mailbox: Mailbox<T, R>): boolean {
    const waits = this.#gathering.waits(mailbox);
    if (waits) mailbox.state = "gathering";
    else this.#ready(mailbox);
    return waits;
  }

  #ready(mailbox: Mailbox<T, R>): void {
    mailbox.state = "ready";
    this.#turns.push(mailbox);
  }

  #next(): void {
    while (this.#running < this.#parallel) {
      const mailbox = this.#turns.shift();
      if (mailbox === undefined) return;
      this.#running++;
      let placed = true;
      const leave = () => {
        if (placed) this.#running--;
        placed = false;
      };
      const givePlaceUp = () => {
        leave();
        this.#next();
      };
      mailbox.state = "being written";
      void this.#write(mailbox, givePlaceUp).then(() => {
        leave();
        this.#written(mailbox);
        this.#next();
      });
    }
  }

  #written(mailbox: Mailbox<T, R>): void {
    if (mailbox.jobs.length > 0) {
      this.#gathers(mailbox);
      return;
    }
    mailbox.state = "quiet";
    this.#busy--;
    if (this.#busy === 0) for (const done of this.#idle.splice(0)) done();
  }

  async #write(mailbox: Mailbox<T, R>, givePlaceUp: () => void): Promise<void> {
    const jobs = this.#take(mailbox);
    try {
      const batch = { name: mailbox.name, items: jobs.map((job) => job.item) };
      const results = await this.#parts.write(batch, givePlaceUp);
      for (let i = 0; i < jobs.length; i += 1) {
        const job = jobs[i]!;
        const result = results[i];
        if (result === undefined) job.reject(new Error(`no result for item ${i} of ${mailbox.name}`));
        else job.resolve(result);
      }
    } catch (error) {
      for (const job of jobs) job.reject(error);
    }
  }

  #take(mailbox: Mailbox<T, R>): Job<T, R>[] {
    let octets = 0;
    let count = 0;
    for (const job of mailbox.jobs) {
      const size = this.#parts.sizeOf(job.item);
      if (count > 0 && (octets + size > MOST_OCTETS || count >= MOST_ITEMS)) break;
      octets += size;
      count++;
    }
    mailbox.letters -= count;
    mailbox.octets -= octets;
    return mailbox.jobs.splice(0, count);
  }
}
