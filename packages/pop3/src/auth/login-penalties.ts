/**
 * Wrong passwords are answered slowly: 1 s for the first, twice as long for each that follows, at most 16 s, counted per
 * connection and per client address, whichever is worse. Only the answer to a wrong password waits, and only its own
 * connection, so people behind the same address go on working.
 */
import { isIPv6 } from "node:net";
import type { Clock } from "@mailhost/common/clock";
import { ipv6Groups } from "@mailhost/common/ip-address";
import type { FailureStore, Failures } from "./shared-failures.ts";

/** Delay of the first failure and the longest, ms. */
const FIRST = 1000;
const LONGEST = 16_000;
/** A connection is closed after so many failures. */
export const FAILURES_PER_CONNECTION = 5;
/** An address is forgiven after so long without a failure, ms. */
const MEMORY = 15 * 60_000;
/** Addresses remembered; the oldest is forgotten first. */
const ADDRESSES = 10_000;

/** The failures of all clients. */
export class LoginPenalties {
  readonly #clock: Clock;
  readonly #failures: FailureStore;

  /** @param failures where they are remembered; absent: in this process */
  constructor(clock: Clock, failures: FailureStore = ownFailures()) {
    this.#clock = clock;
    this.#failures = failures;
  }

  /**
   * Counts a failure.
   *
   * @param onConnection failures of the connection, this one included
   * @returns how long its answer has to wait, ms
   */
  failed(ip: string, onConnection: number): number {
    const now = this.#clock.now();
    const key = network(ip);
    const before = this.#failures.get(key);
    const count = before === undefined || now - before.last > MEMORY ? 1 : before.count + 1;
    this.#failures.set(key, { count, last: now });
    return Math.min(LONGEST, FIRST * 2 ** Math.min(Math.max(count, onConnection) - 1, 10));
  }

  /** A right password: the address starts afresh. */
  succeeded(ip: string): void {
    this.#failures.delete(network(ip));
  }
}

/** Failures that this process alone remembers; those longest ago are forgotten first. */
export function ownFailures(): FailureStore {
  const failures = new Map<string, Failures>();
  return {
    get: (key) => failures.get(key),
    set(key, value) {
      failures.delete(key);
      failures.set(key, value);
      for (const oldest of failures.keys()) {
        if (failures.size <= ADDRESSES) break;
        failures.delete(oldest);
      }
    },
    delete: (key) => void failures.delete(key),
  };
}

/** Somebody with one IPv6 address has the other 2^64 of its network too. */
function network(ip: string): string {
  if (!isIPv6(ip)) return ip;
  return ipv6Groups(ip)?.slice(0, 4).join(":") ?? ip;
}
