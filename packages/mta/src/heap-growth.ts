/**
 * How much the engine's heap may grow before a full collection.
 *
 * What is read from sockets lies outside the heap, is garbage at once, and counts as the heap's growth: by default some large messages
 * cost a full collection each time, a quarter of all processor time that a message of 5 MiB takes. How much is allowed is between
 * memory and time: twice the heap as a rule, four times while large messages come in.
 */
import { setFlagsFromString } from "node:v8";
import type { Clock } from "@mailhost/common/clock";

/** Percent by which the heap may grow. */
const USUAL = 100;
const WITH_LARGE_MESSAGES = 300;
/** How long after the last large message they are no longer expected (ms). */
const EXPECTED = 10_000;

/** Sets the usual growth. An engine that does not know the flag goes on without. */
export function setUsualGrowth(): void {
  setGrowth(USUAL);
}

function setGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/** Lets the heap grow while large messages come in. */
export class HeapGrowth {
  readonly #clock: Clock;
  readonly #set: (percent: number) => void;
  #lastAt = 0;
  #raised = false;

  /** @param set how the growth is set; the engine's own flag unless a test looks on */
  constructor(clock: Clock, set: (percent: number) => void = setGrowth) {
    this.#clock = clock;
    this.#set = set;
  }

  /** A large message comes in. */
  largeMessage(): void {
    this.#lastAt = this.#clock.now();
    if (this.#raised) return;
    this.#raised = true;
    this.#set(WITH_LARGE_MESSAGES);
    this.#lookLater(EXPECTED);
  }

  #lookLater(ms: number): void {
    this.#clock.after(ms, () => {
      const ago = this.#clock.now() - this.#lastAt;
      if (ago >= 0 && ago < EXPECTED) {
        this.#lookLater(EXPECTED - ago);
        return;
      }
      this.#raised = false;
      this.#set(USUAL);
    });
  }
}
