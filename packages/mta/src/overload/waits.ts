/**
 * How long something took of late: the median of the last ones, so that neither a few large messages nor one locked mailbox
 * stand for the whole. Bounded, whatever the rate.
 */

/** So few say nothing. */
const FEW = 5;
/** The last ones that are kept. */
const KEPT = 64;
/** What is older than this is over (ms). */
const FORGOTTEN_AFTER = 5_000;

/** A measure. */
export class Waits {
  readonly #last: number[] = [];
  #count = 0;
  #lastAt = 0;
  #value = 0;

  /** One took so long (ms). */
  note(now: number, took: number): void {
    this.#last[this.#count++ % KEPT] = took;
    this.#lastAt = now;
  }

  /** The median of those since the last call, or the one before when there were only few; 0 when there are none any more. */
  take(now: number): number {
    if (this.#count >= FEW) {
      const sorted = this.#last.toSorted((a, b) => a - b);
      this.#value = sorted[sorted.length >> 1]!;
      this.#forget();
    } else if (now - this.#lastAt > FORGOTTEN_AFTER) {
      this.#value = 0;
      this.#forget();
    }
    return this.#value;
  }

  #forget(): void {
    this.#last.length = 0;
    this.#count = 0;
  }
}
