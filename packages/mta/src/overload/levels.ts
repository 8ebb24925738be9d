/**
 * How busy is too busy: from what is measured to what is refused. Pure bookkeeping, without timers or I/O.
 *
 * Judged is only how long our own work takes, never how busy the machine is: one that others use, while we keep up, refuses
 * nothing. A level begins when a measure has been over its limit for a second, and ends when all of them have been below half of it
 * for two, so that it neither answers a single pause nor flaps.
 */

/** What is measured, ms. */
export interface Measures {
  /** How late the event loop is. */
  readonly turn: number;
  /** How long the queue takes to put a message on stable storage. */
  readonly commit: number;
  /** How long after its acceptance a message comes into its mailbox. */
  readonly delivery: number;
}

/**
 * What is done. `slow`: MAIL is answered later, so that delivery catches up; `others`: clients from outside are refused;
 * `all`: our own networks and whoever submits are refused too.
 */
export type Level = "none" | "slow" | "others" | "all";

/** Limits, ms: many times what a host has that keeps up. */
const LIMITS: Readonly<Record<Exclude<Level, "none">, Measures>> = {
  slow: { turn: Infinity, commit: Infinity, delivery: 5_000 },
  others: { turn: 1_000, commit: 2_000, delivery: 30_000 },
  all: { turn: 4_000, commit: 8_000, delivery: 120_000 },
};

/** How long a measure is over its limit before a level begins, and below before it ends (ms). */
const BEGINS_AFTER = 1_000;
const ENDS_AFTER = 2_000;

/** Levels, the highest first. */
const RISING = ["all", "others", "slow"] as const;

/** Follows the measures of one daemon. */
export class Levels {
  readonly #levels = RISING.map((name) => new Threshold(name));

  /** Takes measures in and returns what they lead to. They are to be given several times a second. */
  observe(now: number, measures: Measures): Level {
    for (const level of this.#levels) level.observe(now, measures);
    return this.#levels.find(({ on }) => on)?.name ?? "none";
  }
}

class Threshold {
  readonly name: (typeof RISING)[number];
  on = false;
  /** Since when it is on the other side of the limit that would change it; undefined while it is not. */
  #since: number | undefined;

  constructor(name: (typeof RISING)[number]) {
    this.name = name;
  }

  observe(now: number, measures: Measures): void {
    const limits = LIMITS[this.name];
    const part = this.on ? 0.5 : 1;
    const isOver = (["turn", "commit", "delivery"] as const).some((m) => measures[m] > limits[m] * part);
    if (isOver === this.on) {
      this.#since = undefined;
      return;
    }
    this.#since ??= now;
    if (now - this.#since < (this.on ? ENDS_AFTER : BEGINS_AFTER)) return;
    this.on = isOver;
    this.#since = undefined;
  }
}
