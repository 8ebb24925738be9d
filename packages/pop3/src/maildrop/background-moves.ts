/**
 * Large removals that were promised and are being carried out behind the reply.
 *
 * Their plans are on stable storage in the mailboxes' journals: a removal that does not come to its end here, because the server
 * dies or the disk fails, is finished by whoever locks the mailbox next, or at the next start.
 */
import type { Clock, Timer } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";

/** A removal of which more bytes than this have to move goes on behind the reply. */
export const LARGE_MOVE = 32 * 1024 * 1024;
/** So many at a time; others are finished before their reply. */
const MOST = 2;
/** How long after a failure it is tried again, ms, and how often. */
const AGAIN = { after: 60_000, times: 10 };
/** How long the end of the server waits for them, ms. */
const PATIENCE = 20_000;

/** A removal to carry out. */
export interface Move {
  /** For the log. */
  readonly mbox: string;
  /** Carries it out, and gives the lock back whatever happens. */
  run(): Promise<void>;
  /** Locks the mailbox once more, which finishes what its journal says. */
  again(): Promise<void>;
}

/** The removals under way. */
export class BackgroundMoves {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #running = new Set<Promise<void>>();
  readonly #retries = new Set<Timer>();
  #stopped = false;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Starts one; false when there is no room, and the caller has to carry it out itself. */
  start(move: Move): boolean {
    if (this.#stopped || this.#running.size >= MOST) return false;
    this.#track(move.run().catch((error: unknown) => this.#failed(move, error, AGAIN.times)));
    return true;
  }

  /** Resolves when none is under way, or after 20 s: then the journals keep what is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#retries) timer.cancel();
    if (this.#running.size === 0) return;
    let timer: Timer | undefined;
    const late = new Promise<void>((resolve) => {
      timer = this.#clock.after(PATIENCE, () => {
        this.#log.write("warn", "removals are left to the next start");
        resolve();
      });
    });
    await Promise.race([Promise.all(this.#running), late]);
    timer?.cancel();
  }

  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Tries again, each minute, what was not behind a reply and failed half way. */
  later(move: Move, error: unknown): void {
    this.#failed(move, error, AGAIN.times);
  }

  #failed(move: Move, error: unknown, left: number): void {
    const then = left > 0 ? "will be tried again" : "is left to whoever locks the mailbox next";
    this.#log.write(
      "error",
      `${move.mbox}: a removal could not be finished, and ${then}: ${messageOf(error)}`,
    );
    if (left === 0 || this.#stopped) return;
    const timer = this.#clock.after(AGAIN.after, () => {
      this.#retries.delete(timer);
      this.#track(move.again().catch((again: unknown) => this.#failed(move, again, left - 1)));
    });
    this.#retries.add(timer);
  }
}
