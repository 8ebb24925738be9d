/**
 * Keeps the event loop awake for the next command of the only client.
 *
 * A client on this machine, or next to it, sends its next command some hundredths of a millisecond after it has read a reply. To fall
 * asleep and be woken in between takes longer, and on a virtual machine more processor time, than to look a few more times. A client
 * that is further away is not waited for: what is gained is watched, and where nothing is, nearly nothing is tried.
 */
import { availableParallelism } from "node:os";

/** How long the loop stays awake after a reply (ms). */
const LONGEST = 0.1;
/** A wait that was met adds one to the trust that the next will be. More than this is not gathered: eight in vain use it up. */
const MOST_TRUST = 16;
/** What a wait in vain takes from it. Each session may have one: its last reply is seldom followed by anything. */
const IN_VAIN = 2;
/** Without trust so many replies pass until it is tried again. */
const PAUSE = 64;

/** What waiting is done with: the real clock and loop, unless a test looks on. */
export interface LoopAccess {
  /** Monotonic time in ms. */
  now(): number;
  /** Calls back in the next turn of the loop, which does not sleep before it. */
  nextTurn(look: () => void): void;
  readonly processors: number;
}

const LOOP: LoopAccess = {
  now: () => performance.now(),
  nextTurn: (look) => void setImmediate(look),
  processors: availableParallelism(),
};

/** Whether, and how long, the loop stays awake. */
export class StayAwake {
  readonly #isAlone: () => boolean;
  readonly #loop: LoopAccess;
  /** On one processor it would keep the client from going on. */
  readonly #isPossible: boolean;
  #until = 0;
  #awake = false;
  #waiting = false;
  #trust = MOST_TRUST / 2;
  #passed = 0;

  /** @param isAlone no more than one client is there; with several the loop seldom sleeps, and the processors have other work */
  constructor(isAlone: () => boolean, loop: LoopAccess = LOOP) {
    this.#isAlone = isAlone;
    this.#loop = loop;
    this.#isPossible = loop.processors > 1;
  }

  /** A reply has been written. */
  answered(): void {
    if (!this.#isPossible || !this.#isAlone() || !this.#isWorthIt()) return;
    this.#until = this.#loop.now() + LONGEST;
    this.#waiting = true;
    if (this.#awake) return;
    this.#awake = true;
    this.#loop.nextTurn(this.#look);
  }

  /** A command, or a client, has come. */
  came(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    if (this.#trust < MOST_TRUST) this.#trust += 1;
  }

  readonly #look = (): void => {
    if (this.#waiting && this.#loop.now() < this.#until) {
      this.#loop.nextTurn(this.#look);
      return;
    }
    this.#awake = false;
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#trust = Math.max(0, this.#trust - IN_VAIN);
  };

  #isWorthIt(): boolean {
    if (this.#trust > 0) return true;
    this.#passed = (this.#passed + 1) % PAUSE;
    return this.#passed === 0;
  }
}
