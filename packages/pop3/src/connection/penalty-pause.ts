/**
 * The pause behind a wrong password, as its connection sees it: over at once when the client is gone, and still known then, so
 * that who hangs up on it can be counted until it would have been over.
 */
import type { Duplex } from "node:stream";
import type { Clock, Timer } from "@mailhost/common/clock";

/** The pauses of one connection. */
export class PenaltyPause {
  readonly #clock: Clock;
  #until = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What is left of it, ms, whether the client waits or not. */
  get left(): number {
    return Math.max(0, this.#until - this.#clock.now());
  }

  /** Resolves after so many milliseconds, or when the connection is closed. */
  wait(stream: Duplex, ms: number): Promise<void> {
    this.#until = this.#clock.now() + ms;
    return new Promise((resolve) => {
      if (stream.destroyed) return resolve();
      const done = () => {
        timer.cancel();
        stream.off("close", done);
        resolve();
      };
      const timer: Timer = this.#clock.after(ms, done);
      stream.on("close", done);
    });
  }
}
