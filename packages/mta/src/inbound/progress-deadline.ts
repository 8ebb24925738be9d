/**
 * Ends a session whose client gets nothing done: smtp-server's idle timeout counts silence, so a client that sends a byte
 * now and then would keep its place for ever. Here only a whole command counts, or a good piece of a message.
 */
import type { Clock, Timer } from "@mailhost/common/clock";

/** What the deadline needs of its session. */
export interface DeadlineParts {
  readonly clock: Clock;
  /** Time for one command or one {@link DATA_PIECE}, ms. */
  readonly limit: number;
  /** True while the client waits for us: that time does not count. */
  readonly isServerAtWork: () => boolean;
  readonly onLate: () => void;
}

/** Octets of a message that count as progress. The slowest of modems sends them in seconds. */
export const DATA_PIECE = 4096;

/** The deadline of one session; it runs from its making. */
export class ProgressDeadline {
  readonly #parts: DeadlineParts;
  #timer: Timer;
  #since: number;
  #octets = 0;

  constructor(parts: DeadlineParts) {
    this.#parts = parts;
    this.#since = parts.clock.now();
    this.#timer = parts.clock.after(parts.limit, () => this.#look());
  }

  /** The client finished a command, or we finished answering one. */
  progress(): void {
    this.#since = this.#parts.clock.now();
    this.#octets = 0;
  }

  /** So much of a message came in. */
  received(octets: number): void {
    this.#octets += octets;
    if (this.#octets >= DATA_PIECE) this.progress();
  }

  stop(): void {
    this.#timer.cancel();
  }

  /** One timer a session: it looks whether it is time yet, instead of being set anew at each command. */
  #look(): void {
    const { clock, limit, isServerAtWork, onLate } = this.#parts;
    if (isServerAtWork()) this.progress();
    const left = this.#since + limit - clock.now();
    if (left <= 0) onLate();
    else this.#timer = clock.after(left, () => this.#look());
  }
}
