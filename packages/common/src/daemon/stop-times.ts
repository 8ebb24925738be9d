/**
 * How long a daemon that stops may take, and what of that its sessions have.
 */

/** How long a daemon may take after `stop` (ms). */
export const STOP_LIMIT = 30_000;

/** The same when the launcher is gone: whoever starts a new one waits for us. */
export const ORPHAN_LIMIT = 5000;

/** What is left when the last sessions have been cut, at most (ms). */
const AFTER_SESSIONS = 5000;

/**
 * How long sessions may take of the time that a daemon has to stop (ms). The rest is for what goes on behind them: a delivery whose
 * process ends before it is on record is made again.
 */
export function sessionsWithin(within: number): number {
  return within - Math.min(AFTER_SESSIONS, 0.4 * within);
}
