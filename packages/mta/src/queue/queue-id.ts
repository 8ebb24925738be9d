/**
 * Queue ids in Sendmail's form: `YMDhmsNNppppp`, 14 characters.
 *
 * Year (of a 60 year cycle), month, day, hour, minute and second (UTC) are one character each in base 60, then two for the
 * number within the second and six digits for the process. The alphabet is in ASCII order, so that ids sort by time. A
 * generator never gives an id twice and never one that sorts before an earlier one, even when the clock is set back or
 * more than 3,600 are drawn in one second: its second then runs ahead of the clock.
 */
import type { Clock } from "@mailhost/common/clock";

/** Sixty characters in ASCII order. */
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwx";
const PER_SECOND = 3600;

/** Draws a new id. */
export type QueueIdSource = () => string;

/** What an id looks like, for arguments that people type. */
export function isQueueId(text: string): boolean {
  return /^[0-9A-Za-x]{8}\d{6}$/.test(text);
}

/**
 * Makes a source of ids.
 *
 * @param pid the process that draws them; two processes at work at once have different ones
 * @param firstNumber number within the first second, 0 to 3599. A process that was killed and started anew with the same
 *   process id within one second (as in a container) must not start from the same number, so it is random by default.
 */
export function queueIdSource(
  clock: Clock,
  pid: number = process.pid,
  firstNumber: number = Math.floor(Math.random() * (PER_SECOND / 2)),
): QueueIdSource {
  const process6 = String(pid % 1_000_000).padStart(6, "0");
  let second = Math.floor(clock.now() / 1000);
  let number = firstNumber;
  let prefix = secondPart(second);
  return () => {
    const now = Math.floor(clock.now() / 1000);
    if (now > second || number >= PER_SECOND) {
      second = Math.max(now, second + 1);
      number = 0;
      prefix = secondPart(second);
    }
    const n = number++;
    return prefix + ALPHABET[Math.floor(n / 60)]! + ALPHABET[n % 60]! + process6;
  };
}

function secondPart(second: number): string {
  const t = new Date(second * 1000);
  return [
    (t.getUTCFullYear() - 1900) % 60,
    t.getUTCMonth(),
    t.getUTCDate(),
    t.getUTCHours(),
    t.getUTCMinutes(),
    t.getUTCSeconds(),
  ]
    .map((n) => ALPHABET[n]!)
    .join("");
}
