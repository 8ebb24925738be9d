/**
 * Durations in words, as Sendmail says them: `4 hours`, `5 days`, `1 hour 30 minutes`.
 */

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ["week", 604_800_000],
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

/** The two largest units of a duration (ms); weeks only when nothing is left over. */
export function durationInWords(ms: number): string {
  const words: string[] = [];
  let rest = Math.max(0, ms);
  for (const [name, size] of UNITS) {
    if (name === "week" && rest % size !== 0) continue;
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0 && words.length < 2) words.push(`${n} ${name}${n === 1 ? "" : "s"}`);
  }
  return words.length === 0 ? "0 seconds" : words.join(" ");
}
