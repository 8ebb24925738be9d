/**
 * Gathers work by mailbox: one batch of a mailbox at a time, several mailboxes side by side, everything that arrives
 * meanwhile in the next batch.
 */

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
  /** Mailboxes that are written at once, 32; those whose writer gave its place up do not count. */
  readonly parallel?: number;
}

/** A batch ends at so many items, or before it gets larger than so many octets. */
const MOST_ITEMS = 1000;
const MOST_OCTETS = 16 * 1024 * 1024;

interface Job<T, R> {
  readonly item: T;
  resolve(result: R): void;
  reject(error: unknown): void;
}

interface Mailbox<T, R> {
  readonly name: string;
  jobs: Job<T, R>[];
}

/** Batches of all mailboxes. */
export class MailboxBatches<T, R> {
  readonly #parts: BatchParts<T, R>;
  readonly #parallel: number;
  /** Mailboxes with something to do, each once, also while being written. */
  readonly #mailboxes = new Map<string, Mailbox<T, R>>();
  /** Mailboxes that wait for their turn. */
  readonly #turns: Mailbox<T, R>[] = [];
  readonly #idle: (() => void)[] = [];
  #running = 0;

  constructor(parts: BatchParts<T, R>) {
    this.#parts = parts;
    this.#parallel = parts.parallel ?? 32;
  }

  /** Adds an item to the next batch of a mailbox; resolves with its result. */
  add(name: string, item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      const job = { item, resolve, reject };
      const mailbox = this.#mailboxes.get(name);
      if (mailbox !== undefined) {
        mailbox.jobs.push(job);
        return;
      }
      const fresh = { name, jobs: [job] };
      this.#mailboxes.set(name, fresh);
      this.#turns.push(fresh);
      // The batch is taken in the next turn of the loop, so that what arrives in this one is in it.
      setImmediate(() => this.#next());
    });
  }

  /** Resolves when nothing is waiting or being written. */
  idle(): Promise<void> {
    if (this.#mailboxes.size === 0) return Promise.resolve();
    return new Promise((done) => this.#idle.push(done));
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
      void this.#write(mailbox, givePlaceUp).then(() => {
        leave();
        if (mailbox.jobs.length > 0) this.#turns.push(mailbox);
        else this.#mailboxes.delete(mailbox.name);
        if (this.#mailboxes.size === 0) for (const done of this.#idle.splice(0)) done();
        this.#next();
      });
    }
  }

  async #write(mailbox: Mailbox<T, R>, givePlaceUp: () => void): Promise<void> {
    const jobs = this.#take(mailbox);
    try {
      const batch = { name: mailbox.name, items: jobs.map((job) => job.item) };
      const results = await this.#parts.write(batch, givePlaceUp);
      for (const [i, job] of jobs.entries()) {
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
      octets += this.#parts.sizeOf(job.item);
      if (count > 0 && (octets > MOST_OCTETS || count >= MOST_ITEMS)) break;
      count++;
    }
    return mailbox.jobs.splice(0, count);
  }
}
