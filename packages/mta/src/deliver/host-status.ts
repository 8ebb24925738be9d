/**
 * Destinations that do not answer: how often in a row, and until when each is left alone. Kept in the queue's `hosts`
 * table, so that a restart does not call them all again at once.
 */
import type { Clock } from "@mailhost/common/clock";
import type { SmtpReply } from "@mailhost/common/errors";
import { committed } from "@mailhost/common/lmdb/commit";
import type { Database } from "lmdb";

/** A destination in trouble. */
export interface WaitingHost {
  /** The destination's key (route/route-key.ts). */
  readonly key: string;
  /** Failures in a row. */
  readonly failures: number;
  /** When it is called again (ms since 1970). */
  readonly until: number;
  /** What the last failure said. */
  readonly reply: SmtpReply;
}

/** The memory of destinations in trouble. */
export interface HostStatus {
  /** Why and until when a destination is left alone now; undefined when it may be called. */
  waiting(key: string): { readonly until: number; readonly reply: SmtpReply } | undefined;
  /**
   * Notes a failed call; resolves with the time of the next one (ms since 1970). Failures of calls that were
   * under way together count once.
   */
  failed(key: string, reply: SmtpReply): Promise<number>;
  /** Notes that a destination answered; costs nothing when it was in no trouble. */
  succeeded(key: string): Promise<void>;
  /** Every destination in trouble, by key. */
  list(): WaitingHost[];
}

/** The wait grows to this many intervals. */
const MOST_INTERVALS = 16;
/** A destination nobody has called for this many of the longest waits is forgotten. */
const FORGET_AFTER = 32;

/**
 * Opens the memory.
 *
 * @param options.interval wait after the first failure (ms); it doubles with each further one up to 16 times itself
 * @param options.remember the longest that a failure counts (ms, Timeout.hoststatus); it is never less than the interval
 */
export function openHostStatus(
  db: Database,
  options: { readonly interval: number; readonly remember?: number; readonly clock: Clock },
): HostStatus {
  const { interval, remember = Number.POSITIVE_INFINITY, clock } = options;
  const longest = Math.min(interval * MOST_INTERVALS, Math.max(interval, remember));
  const get = (key: string) => db.get(key) as WaitingHost | undefined;
  const list = () => [...db.getRange()].map(({ value }) => value as WaitingHost);
  let sweptAt = Number.NEGATIVE_INFINITY;

  const sweep = async () => {
    if (clock.now() - sweptAt < longest) return;
    sweptAt = clock.now();
    const old = list().filter((host) => host.until + longest * FORGET_AFTER < clock.now());
    await committed(Promise.all(old.map((host) => db.remove(host.key))));
  };

  return {
    waiting(key) {
      const known = get(key);
      return known !== undefined && known.until > clock.now() ? known : undefined;
    },
    async failed(key, reply) {
      await sweep();
      const known = get(key);
      if (known !== undefined && known.until > clock.now()) return known.until;
      const failures = (known?.failures ?? 0) + 1;
      const wait = Math.min(interval * 2 ** Math.min(failures - 1, 30), longest);
      const next: WaitingHost = { key, failures, until: clock.now() + wait, reply };
      await committed(db.put(key, next));
      return next.until;
    },
    async succeeded(key) {
      if (get(key) !== undefined) await committed(db.remove(key));
    },
    list,
  };
}
