/**
 * The autologout timer (RFC 1939 section 3): runs while the server waits for the client, stands still while the client
 * waits for the server.
 *
 * Only what completes something counts as a sign of life ({@link IdleTimer.touch}); a client that sends a byte now and
 * then is as idle as a silent one.
 *
 * A timer of the clock that was set is left running while the client is busy, and looks at the time when it fires: a
 * busy client costs no timer a command.
 */
import type { Clock, Timer } from "@mailhost/common/clock";

/** Calls back once a client has been idle for too long. */
export class IdleTimer {
  readonly #clock: Clock;
  readonly #onIdle: () => void;
  #limit: number;
  #left: number;
  /** Since when the client is waited for; undefined while it is not. */
  #armedAt: number | undefined;
  /** The clock's timer and when it fires. */
  #timer: Timer | undefined;
  #firesAt = 0;

  /** @param limit milliseconds */
  constructor(clock: Clock, limit: number, onIdle: () => void) {
    this.#clock = clock;
    this.#limit = limit;
    this.#onIdle = onIdle;
    this.#left = limit;
  }

  /** From now on the client has so many milliseconds at a time. */
  setLimit(limit: number): void {
    this.#limit = limit;
    this.touch();
  }

  /** The client did something: it has the whole time again. */
  touch(): void {
    this.#left = this.#limit;
    if (this.#armedAt === undefined) return;
    this.#armedAt = this.#clock.now();
    this.#schedule(this.#armedAt);
  }

  /** From now on the client is waited for. */
  arm(): void {
    if (this.#armedAt !== undefined) return;
    this.#armedAt = this.#clock.now();
    this.#schedule(this.#armedAt);
  }

  /** The client is not waited for any more. */
  disarm(): void {
    if (this.#armedAt === undefined) return;
    this.#left = Math.max(0, this.#left - (this.#clock.now() - this.#armedAt));
    this.#armedAt = undefined;
  }

  /** The session is over: nothing will be called back. */
  stop(): void {
    this.disarm();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  /** Sees to it that a timer fires no later than the client's time is over. */
  #schedule(now: number): void {
    const due = now + this.#left;
    if (this.#timer !== undefined && this.#firesAt <= due) return;
    this.#timer?.cancel();
    this.#firesAt = due;
    this.#timer = this.#clock.after(this.#left, this.#fired);
  }

  readonly #fired = (): void => {
    this.#timer = undefined;
    if (this.#armedAt === undefined) return;
    const now = this.#clock.now();
    const left = this.#left - (now - this.#armedAt);
    if (left <= 0) {
      this.#armedAt = undefined;
      this.#onIdle();
      return;
    }
    this.#firesAt = now + left;
    this.#timer = this.#clock.after(left, this.#fired);
  };
}
