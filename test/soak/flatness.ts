/**
 * Whether something stays as it is or grows: the judgement on samples of memory, descriptors and threads.
 */

/** One sample. */
export interface Point {
  /** Seconds since the load began. */
  readonly at: number;
  readonly value: number;
}

/** What a series may do. */
export interface Allowance {
  /** Growth over the second half that is nothing, in the series' unit. */
  readonly absolute: number;
  /** The same as a part of what it is in the middle. */
  readonly relative: number;
}

/** What a series does. */
export interface Trend {
  /** Growth over the second half, by a straight line through it. */
  readonly growth: number;
  /** Medians of the second and the last quarter. */
  readonly before: number;
  readonly after: number;
  readonly peak: number;
  readonly isFlat: boolean;
}

/** Judges a series: both the line through its second half and the last quarter beside the second must stay within the allowance. */
export function trendOf(points: readonly Point[], { absolute, relative }: Allowance): Trend {
  const half = points.slice(points.length >> 1);
  const quarter = Math.max(1, points.length >> 2);
  const before = medianOf(points.slice(quarter, 2 * quarter));
  const after = medianOf(points.slice(-quarter));
  const span = (half.at(-1)?.at ?? 0) - (half[0]?.at ?? 0);
  const growth = slopeOf(half) * span;
  const allowed = absolute + relative * before;
  return {
    growth,
    before,
    after,
    peak: Math.max(0, ...points.map(({ value }) => value)),
    isFlat: growth <= allowed && after - before <= allowed,
  };
}

/** Least squares, in units a second. */
function slopeOf(points: readonly Point[]): number {
  const n = points.length;
  if (n < 2) return 0;
  const meanAt = points.reduce((sum, { at }) => sum + at, 0) / n;
  const mean = points.reduce((sum, { value }) => sum + value, 0) / n;
  const above = points.reduce((sum, { at, value }) => sum + (at - meanAt) * (value - mean), 0);
  const below = points.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  return below === 0 ? 0 : above / below;
}

function medianOf(points: readonly Point[]): number {
  const sorted = points.map(({ value }) => value).toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
