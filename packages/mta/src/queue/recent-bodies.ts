/**
 * Messages that were committed a moment ago, kept in memory until they are done with, so that an ordinary delivery reads
 * nothing back from the queue. Bounded: the oldest go first, and are then read from the queue as any other.
 */

/** Octets that are kept. */
const LIMIT = 16 * 1024 * 1024;

/** The messages. What is in it is durable in the queue as well. */
export class RecentBodies {
  readonly #limit: number;
  readonly #bodies = new Map<string, Buffer>();
  #octets = 0;

  /** @param limit octets in all */
  constructor(limit: number = LIMIT) {
    this.#limit = limit;
  }

  /** Octets held. */
  get octets(): number {
    return this.#octets;
  }

  /** Keeps a message, which nobody changes any more. */
  keep(id: string, body: Buffer): void {
    this.drop(id);
    this.#bodies.set(id, body);
    this.#octets += body.length;
    for (const [oldest] of this.#bodies) {
      if (this.#octets <= this.#limit) return;
      this.drop(oldest);
    }
  }

  get(id: string): Buffer | undefined {
    return this.#bodies.get(id);
  }

  /** The message is done with, or waits for its next attempt. */
  drop(id: string): void {
    const body = this.#bodies.get(id);
    if (body === undefined) return;
    this.#octets -= body.length;
    this.#bodies.delete(id);
  }
}
