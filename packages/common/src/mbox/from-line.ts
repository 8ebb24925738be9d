/**
 * The `From ` line that a message in an mbox starts with.
 *
 * Ours is `From SENDER Tue Nov 24 21:59:01 2026`, the date as asctime(3) writes it, in UTC. Other programs add a time
 * zone, leave the seconds out or put words behind; a line counts as the start of a message when it ends in what looks
 * like a date.
 */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Longest `From ` line that is recognised, bytes, without its line end. */
export const LONGEST_FROM_LINE = 1000;

/** As much of a sender as goes into the `From ` line, so that no sender can make it too long; the header has all. */
const LONGEST_SENDER = 300;

/** As much of a line's end as its date can take. */
const DATE_TAIL = 96;

/** Weekday, month, day, time, year; a zone before or after the year; UUCP's words at the end. */
const DATE =
  /(?:^| )(?:sun|mon|tue|wed|thu|fri|sat),? +(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) +\d{1,2} +\d{1,2}:\d\d(?::\d\d)?(?: +[a-z]{1,5}| +[-+]\d{4}){0,2} +\d{2,4}(?: +[a-z]{1,5}| +[-+]\d{4})?(?: +remote from [^ ]+)?[ \t]*\r?$/i;

/** Whether a line that starts with `From ` ends in a date. `line` comes without its line end. */
export function endsInDate(line: Buffer): boolean {
  const text = line.toString("latin1", Math.max(5, line.length - DATE_TAIL), line.length);
  return DATE.test(text);
}

/**
 * The `From ` line and the Return-Path header of a message, with their line ends.
 *
 * @param sender envelope sender, empty for the null sender; control characters are replaced, so that nothing that
 *   calls itself an address can add a line
 * @param receivedAt milliseconds since 1970
 */
export function messageHead(sender: string, receivedAt: number): Buffer {
  const address = sender.replace(/\p{Cc}/gu, "?");
  const from = address === "" ? "MAILER-DAEMON" : address.slice(0, LONGEST_SENDER);
  return Buffer.from(`From ${from} ${asctime(receivedAt)}\nReturn-Path: <${address}>\n`);
}

/** `Tue Nov 24 21:59:01 2026`, UTC (asctime(3)). */
export function asctime(ms: number): string {
  const t = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const time = `${two(t.getUTCHours())}:${two(t.getUTCMinutes())}:${two(t.getUTCSeconds())}`;
  const day = String(t.getUTCDate()).padStart(2);
  return `${DAYS[t.getUTCDay()]} ${MONTHS[t.getUTCMonth()]} ${day} ${time} ${String(t.getUTCFullYear()).padStart(4, "0")}`;
}
