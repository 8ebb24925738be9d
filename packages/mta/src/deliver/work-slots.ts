/**
 * How many programs run at once: so many in all, and so many of one name, so that one that hangs leaves room for the rest.
 * Who comes first starts first, unless its name has its share.
 */

/** The limits. */
export interface SlotLimits {
  readonly total: number;
  readonly perName: number;
}

interface Waiting {
  readonly name: string;
  readonly most: number;
  start(): void;
}

/** Slots for work. */
export class WorkSlots {
  readonly #limits: SlotLimits;
  readonly #running = new Map<string, number>();
  #total = 0;
  #waiting: Waiting[] = [];

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /**
   * Does the work when there is a slot for it.
   *
   * @param most how many of this name may run, when fewer than of others
   */
  async run<T>(name: string, work: () => Promise<T>, most = this.#limits.perName): Promise<T> {
    if (this.#mayStart(name, most)) this.#take(name);
    else await new Promise<void>((start) => this.#waiting.push({ name, most, start }));
    try {
      return await work();
    } finally {
      this.#release(name);
    }
  }

  #mayStart(name: string, most: number): boolean {
    return this.#total < this.#limits.total && (this.#running.get(name) ?? 0) < most;
  }

  #take(name: string): void {
    this.#total++;
    this.#running.set(name, (this.#running.get(name) ?? 0) + 1);
  }

  #release(name: string): void {
    this.#total--;
    const left = (this.#running.get(name) ?? 1) - 1;
    if (left > 0) this.#running.set(name, left);
    else this.#running.delete(name);
    const next = this.#waiting.findIndex((one) => this.#mayStart(one.name, one.most));
    if (next < 0) return;
    const [waiting] = this.#waiting.splice(next, 1);
    this.#take(waiting!.name);
    waiting!.start();
  }
}
