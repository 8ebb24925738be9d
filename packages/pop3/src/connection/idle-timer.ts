/**
 * The autologout timer (RFC 1939 section 3): runs while the server waits for the client, stands still while the client
 * waits for the server.
 *
 * Only what completes something counts as a sign of life ({@link IdleTimer.touch}); a client that sends a byte now and
 * then is as idle as a silent one.
 */
import type { Clock, Timer } from "@mailhost/common/clock";

/** Calls back once a client has been idle for too long. */
export class IdleTimer {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #onIdle: () => void;
  #left: number;
  #armedAt = 0;
  #timer: Timer | undefined;

  /** @param limit milliseconds */
  constructor(clock: Clock, limit: number, onIdle: () => void) {
    this.#clock = clock;
    this.#limit = limit;
    this.#onIdle = onIdle;
    this.#left = limit;
  }

  /** The client did something: it has the whole time again. */
  touch(): void {
    this.#left = this.#limit;
    if (this.#timer === undefined) return;
    this.disarm();
    this.#left = this.#limit;
    this.arm();
  }

  /** From now on the client is waited for. */
  arm(): void {
    if (this.#timer !== undefined) return;
    this.#armedAt = this.#clock.now();
    this.#timer = this.#clock.after(this.#left, this.#onIdle);
  }

  /** The client is not waited for any more. */
  disarm(): void {
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#timer = undefined;
    this.#left = Math.max(0, this.#left - (this.#clock.now() - this.#armedAt));
  }
}
