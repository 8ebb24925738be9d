/**
 * When a message is tried again, when its sender is told of the delay, and when it goes back. Pure arithmetic.
 */
import type { Settings } from "@mailhost/common/settings/settings";
import type { QueueEntry } from "./queue-entry.ts";

/** The part of the settings that decides (ms). */
export type QueueTimes = Pick<Settings["queue"], "interval" | "warnAfter" | "returnAfter"> & {
  /** MinQueueAge: no attempt follows another sooner (ms). */
  readonly minAge?: number;
};

/** The wait between attempts grows to at most this many intervals. */
export const LONGEST_WAIT = 16;

/** A destination's own answer never makes the queue spin: no attempt follows another within this time (ms). */
export const SHORTEST_WAIT = 1000;

/** What the schedule looks at. */
export type ScheduledEntry = Pick<QueueEntry, "receivedAt" | "attempts" | "warnedAt">;

/**
 * How long a recipient waits after so many attempts: the interval, then twice that, four times, up to 16 times (ms).
 *
 * @param attempts attempts made so far, 1 or more
 */
export function waitAfter(attempts: number, times: QueueTimes): number {
  return times.interval * Math.min(2 ** Math.max(0, attempts - 1), LONGEST_WAIT);
}

/** When the message goes back to its sender (ms since 1970). */
export function returnAt(entry: ScheduledEntry, times: QueueTimes): number {
  return entry.receivedAt + times.returnAfter;
}

/** When the sender is told of the delay (ms since 1970), or undefined when that was done or would come too late. */
export function warnAt(entry: ScheduledEntry, times: QueueTimes): number | undefined {
  return entry.warnedAt > 0 || times.warnAfter >= times.returnAfter
    ? undefined
    : entry.receivedAt + times.warnAfter;
}

/**
 * When a message with deferred recipients is due again (ms since 1970).
 *
 * The earliest of what its recipients ask for, but neither the warning nor the return is slept through: an attempt is
 * made at both times, so that they are never sent for mail that could have gone by then.
 *
 * @param entry after the attempt: `attempts` counts it
 * @param now time of the attempt
 * @param retryAt per deferred recipient: the mailer's own time for it, or undefined for the schedule's
 */
export function nextAttemptAt(
  entry: ScheduledEntry,
  now: number,
  retryAt: readonly (number | undefined)[],
  times: QueueTimes,
): number {
  const scheduled = now + waitAfter(entry.attempts, times);
  const wanted = Math.min(
    ...retryAt.map((at) => at ?? scheduled),
    retryAt.length === 0 ? scheduled : Infinity,
  );
  const warning = warnAt(entry, times);
  const latest = Math.min(
    returnAt(entry, times),
    warning !== undefined && warning > now ? warning : Infinity,
  );
  const soonest = Math.max(Math.min(SHORTEST_WAIT, times.interval), times.minAge ?? 0);
  return Math.max(now + soonest, Math.min(wanted, latest));
}
