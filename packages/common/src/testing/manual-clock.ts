/**
 * A clock that stands still until a test moves it.
 */
import type { Clock, Timer } from "../clock.ts";

interface Pending {
  readonly at: number;
  readonly fn: () => void;
}

/** A {@link Clock} for tests: time passes only in {@link ManualClock.advance}. */
export class ManualClock implements Clock {
  #now: number;
  readonly #pending = new Set<Pending>();

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, ms), fn };
    this.#pending.add(entry);
    return { cancel: () => this.#pending.delete(entry) };
  }

  /** Number of timers that have not fired. */
  get waiting(): number {
    return this.#pending.size;
  }

  /** Moves time forward, firing timers in their order, and lets promise reactions run after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = [...this.#pending].filter((p) => p.at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#pending.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.fn();
      await new Promise(setImmediate);
    }
    this.#now = end;
    await new Promise(setImmediate);
  }
}
