/**
 * How long to wait before an authority is asked again: an hour after the first failure, twice as long after each further one, a day at
 * most. Let's Encrypt allows five failed validations of a name in an hour.
 */

const HOUR = 3_600_000;
const LONGEST = 24 * HOUR;
/** What is added by chance, so that hosts which failed together do not come back together. */
const SPREAD = 0.1;

/**
 * The wait (ms).
 *
 * @param failures in a row, the last one counted: 1 or more
 * @param chance 0 to 1
 */
export function retryDelay(failures: number, chance: number): number {
  return Math.min(HOUR * 2 ** Math.min(failures - 1, 10), LONGEST) * (1 + SPREAD * chance);
}
