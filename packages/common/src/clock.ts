/**
 * Time as a parameter. Production passes {@link systemClock}; tests pass a manual one and need no sleeps.
 */

/** A timer that can be taken back. */
export interface Timer {
  cancel(): void;
}

/** The time, and being called back when some of it has passed. */
export interface Clock {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Calls `fn` once, `ms` milliseconds from now. The timer does not keep the process alive. */
  after(ms: number, fn: () => void): Timer;
}

/** The longest delay that Node's timers take without firing at once (2^31 - 1 ms, 24.8 days). */
const LONGEST_DELAY = 0x7fffffff;

/** The machine's own time. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(0, ms), LONGEST_DELAY));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** Resolves `ms` milliseconds from now by `clock`. */
export function delay(clock: Clock, ms: number): Promise<void> {
  return new Promise((done) => {
    clock.after(ms, done);
  });
}
