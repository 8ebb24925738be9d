/**
 * Whose password is looked at next, when more wait than can be worked out at once: who guesses must not keep others waiting.
 *
 * First those who log in where they logged in before, then addresses that nothing is held against, then those that have
 * failed lately; among equals each address in turn, so that many connections of one are no advantage.
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** How an address stands with a name: `known` logged in to it, `clean` has not failed lately, `failed` has. */
export type LoginStanding = "known" | "clean" | "failed";

/** Who waits. */
export interface LoginSeat {
  readonly standing: LoginStanding;
  /** The client's network. */
  readonly network: string;
}

const seats = new AsyncLocalStorage<LoginSeat>();

/** Does some work, whose password hashes take their turn at this seat. */
export function seated<T>(at: LoginSeat, work: () => Promise<T>): Promise<T> {
  return seats.run(at, work);
}

function seat(): LoginSeat {
  return seats.getStore() ?? { standing: "known", network: "" };
}

const ORDER: readonly LoginStanding[] = ["known", "clean", "failed"];

/** Those who wait, in the order in which they come up. */
export class LoginTurns {
  readonly #atOnce: number;
  readonly #failedAtOnce: number;
  #running = 0;
  #failedRunning = 0;
  /** By standing, then by network; the network that comes up next is the first. */
  readonly #waiting: Readonly<Record<LoginStanding, Map<string, (() => void)[]>>> = {
    known: new Map(),
    clean: new Map(),
    failed: new Map(),
  };

  /** @param failedAtOnce so many of those that have failed lately: where a wrong password takes long, others find a place */
  constructor(atOnce: number, failedAtOnce: number = atOnce) {
    this.#atOnce = atOnce;
    this.#failedAtOnce = failedAtOnce;
  }

  /** Resolves when it is this caller's turn, which {@link leave} ends. Without a seat one is as good as known. */
  take(): Promise<void> {
    const { standing, network } = seat();
    const queues = this.#waiting[standing];
    return new Promise((resolve) => {
      const queue = queues.get(network);
      if (queue === undefined) queues.set(network, [resolve]);
      else queue.push(resolve);
      this.#go();
    });
  }

  /** Ends a turn, at the same seat. */
  leave(): void {
    this.#running--;
    if (seat().standing === "failed") this.#failedRunning--;
    this.#go();
  }

  #go(): void {
    while (this.#running < this.#atOnce) {
      const next = this.#next();
      if (next === undefined) return;
      this.#running++;
      next();
    }
  }

  #next(): (() => void) | undefined {
    for (const standing of ORDER) {
      if (standing === "failed" && this.#failedRunning >= this.#failedAtOnce) continue;
      const queues = this.#waiting[standing];
      for (const [network, queue] of queues) {
        const next = queue.shift();
        queues.delete(network);
        // Behind everybody else of its kind.
        if (queue.length > 0) queues.set(network, queue);
        if (next === undefined) continue;
        if (standing === "failed") this.#failedRunning++;
        return next;
      }
    }
    return undefined;
  }
}
