/**
 * Medians, and numbers as a table shows them.
 */

/** The middle of some values; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Three significant digits, at most three after the point; "" of NaN. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "";
  const size = Math.abs(value);
  const places = size >= 100 || size === 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(places);
}

/**
 * How many times `mine` is in front of `other`, whether more or less is better; NaN without both. What takes nothing, or gives something
 * back (memory that fell while it was measured), is infinitely far ahead where less is better.
 */
export function timesAhead(mine: number, other: number, more: boolean): number {
  if (!more && mine <= 0 && other > 0) return Number.POSITIVE_INFINITY;
  const times = more ? mine / other : other / mine;
  return mine > 0 && other > 0 ? times : Number.NaN;
}

/** `4.2 x`. */
export function times(value: number): string {
  return Number.isFinite(value) ? `${value >= 9.95 ? value.toFixed(0) : value.toFixed(1)} x` : "";
}
