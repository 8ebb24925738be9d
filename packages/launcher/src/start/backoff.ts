/**
 * How long to wait before a daemon that died is started again: not at all the first time, then half a second, doubling
 * up to 8 s, so that service is back within 10 s and a daemon that can not live does not eat the machine.
 */

/** After this long in good health (ms) a death counts as the first again. */
export const HEALTHY_AFTER = 60_000;

const FIRST = 500;
const LONGEST = 8000;

/**
 * The wait before the next start (ms).
 *
 * @param deaths deaths in a row, this one counted: 1 or more
 */
export function restartDelay(deaths: number): number {
  return deaths <= 1 ? 0 : Math.min(FIRST * 2 ** (deaths - 2), LONGEST);
}
