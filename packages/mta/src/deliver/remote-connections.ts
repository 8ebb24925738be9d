/**
 * Connections by destination: how many at once, who is next, and which are kept open for a moment for the next message.
 *
 * Each destination has slots of its own, so that a dead one holds up nobody else. It has one slot until it has answered,
 * and again after it failed: a thousand messages for a dead host wait behind one call.
 */
import type { Clock, Timer } from "@mailhost/common/clock";
import type { SmtpReply } from "@mailhost/common/errors";
import type { SmtpConnection } from "./smtp-connection.ts";

/** How long a connection is kept for the next message (ms). */
const IDLE_TIME = 2_000;
/** Connections of one destination that are kept in any case; as many as it may have, while there are few in all. */
const ALWAYS_IDLE = 2;
/** Connections kept of all destinations up to which one keeps more than that. */
const FEW_IDLE = 100;
/** Messages through one connection; some servers take no more. */
const MOST_SERVED = 100;

/** The right to use one connection to a destination. Each is released exactly once. */
export interface Slot {
  /** A connection left open by the message before, when there is one. */
  readonly connection: SmtpConnection | undefined;
  /** What the last call said, if it failed at or after `time`. */
  failureSince(time: number): { readonly reply: SmtpReply; readonly until: number } | undefined;
  /** The destination answers: others may call it side by side. */
  answered(): void;
  /** The destination does not answer: one call at a time from now on. */
  failed(reply: SmtpReply, until: number): void;
  /** Gives the slot back, with the connection if it can serve another message. */
  release(connection?: SmtpConnection): void;
}

interface IdleConnection {
  readonly connection: SmtpConnection;
  readonly timer: Timer;
}

interface Destination {
  active: number;
  answers: boolean;
  failure: { readonly at: number; readonly reply: SmtpReply; readonly until: number } | undefined;
  /** First come, first served. */
  readonly waiting: Set<() => void>;
  readonly idle: IdleConnection[];
}

/** The slots of all destinations. */
export class RemoteConnections {
  readonly #limit: number;
  readonly #clock: Clock;
  readonly #destinations = new Map<string, Destination>();
  readonly #leaving = new Set<Promise<void>>();
  /** Connections of all destinations that nobody uses now. */
  #idle = 0;

  /** @param limit connections at once to one destination */
  constructor(limit: number, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** Waits for a slot. */
  async acquire(key: string): Promise<Slot> {
    let destination = this.#destinations.get(key);
    if (destination === undefined) {
      destination = { active: 0, answers: false, failure: undefined, waiting: new Set(), idle: [] };
      this.#destinations.set(key, destination);
    }
    const found = destination;
    if (found.waiting.size > 0 || found.active >= this.#slots(found)) {
      // Whoever wakes us has counted us in already.
      await new Promise<void>((wake) => found.waiting.add(wake));
    } else found.active++;
    return this.#slot(key, found);
  }

  /** Ends the connections that nobody uses. */
  async close(): Promise<void> {
    for (const [key, destination] of this.#destinations) {
      for (const { connection, timer } of destination.idle.splice(0)) {
        this.#idle--;
        timer.cancel();
        this.#leave(connection);
      }
      this.#forgetUnused(key, destination);
    }
    await Promise.all(this.#leaving);
  }

  #slots(destination: Destination): number {
    return destination.answers ? this.#limit : 1;
  }

  #slot(key: string, destination: Destination): Slot {
    return {
      connection: this.#takeIdle(destination),
      failureSince: (time) =>
        destination.failure !== undefined && destination.failure.at >= time ? destination.failure : undefined,
      answered: () => {
        destination.answers = true;
        destination.failure = undefined;
        this.#wakeNext(destination);
      },
      failed: (reply, until) => {
        destination.answers = false;
        destination.failure = { at: this.#clock.now(), reply, until };
      },
      release: (kept) => {
        destination.active--;
        if (kept !== undefined) this.#keep(key, destination, kept);
        this.#wakeNext(destination);
        this.#forgetUnused(key, destination);
      },
    };
  }

  #wakeNext(destination: Destination): void {
    for (const wake of destination.waiting) {
      if (destination.active >= this.#slots(destination)) return;
      destination.waiting.delete(wake);
      destination.active++;
      wake();
    }
  }

  /** The one that was used last: those that a burst needed and the rest does not come to their end. */
  #takeIdle(destination: Destination): SmtpConnection | undefined {
    for (;;) {
      const idle = destination.idle.pop();
      if (idle === undefined) return undefined;
      this.#idle--;
      idle.timer.cancel();
      if (!idle.connection.disturbed) return idle.connection;
      idle.connection.destroy();
    }
  }

  #keep(key: string, destination: Destination, connection: SmtpConnection): void {
    if (connection.disturbed) {
      connection.destroy();
      return;
    }
    const most = this.#idle < FEW_IDLE ? this.#limit : ALWAYS_IDLE;
    if (connection.served >= MOST_SERVED || destination.idle.length >= most) {
      this.#leave(connection);
      return;
    }
    const timer = this.#clock.after(IDLE_TIME, () => {
      const at = destination.idle.indexOf(idle);
      if (at < 0) return;
      destination.idle.splice(at, 1);
      this.#idle--;
      this.#leave(connection);
      this.#forgetUnused(key, destination);
    });
    const idle: IdleConnection = { connection, timer };
    destination.idle.push(idle);
    this.#idle++;
  }

  /** Takes leave without holding anybody up; {@link close} waits for it. */
  #leave(connection: SmtpConnection): void {
    const leaving = connection.quit().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  #forgetUnused(key: string, destination: Destination): void {
    const used = destination.active > 0 || destination.waiting.size > 0 || destination.idle.length > 0;
    if (!used && this.#destinations.get(key) === destination) this.#destinations.delete(key);
  }
}
