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

const DAY = "(?:sun|mon|tue|wed|thu|fri|sat),? +";
const MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec) +";
const TIME = "\\d{1,2}:\\d\\d(?::\\d\\d)?";
const ZONE = "(?: +[a-z]{1,5}| +[-+]\\d{4})";
/** Weekday, month, day, time, year; a zone before or after the year. */
const ASCTIME_LIKE = `${DAY}${MONTH}\\d{1,2} +${TIME}${ZONE}{0,2} +\\d{2,4}${ZONE}?`;
/** Weekday, day, month, year, time, zone (RFC 5322 section 3.3), as some programs put it there. */
const HEADER_LIKE = `${DAY}\\d{1,2} +${MONTH}\\d{4} +${TIME}${ZONE}?`;
/** Either, and UUCP's words at the end. */
const DATE = new RegExp(`(?:^| )(?:${ASCTIME_LIKE}|${HEADER_LIKE})(?: +remote from [^ ]+)?[ \\t]*\\r?$`, "i");

/** Whether the line `[start, end)`, which starts with `From ` and comes without its line end, ends in a date. */
export function endsInDate(bytes: Buffer, start = 0, end = bytes.length): boolean {
  if (endsInAsctime(bytes, start, end)) return true;
  return DATE.test(bytes.toString("latin1", Math.max(start + 5, end - DATE_TAIL), end));
}

/** Length of what {@link asctime} writes. */
const ASCTIME = 24;
const DAY_CODES = new Set(DAYS.map((name) => code(Buffer.from(name.toLowerCase()), 0)));
const MONTH_CODES = new Set(MONTHS.map((name) => code(Buffer.from(name.toLowerCase()), 0)));
const [SPACE, COLON, ZERO] = [0x20, 0x3a, 0x30];
/** Where its digits are; the first of the day may be a space. */
const DIGITS = [9, 11, 12, 14, 15, 17, 18, 20, 21, 22, 23];

/** Whether a line ends as nearly all do: what {@link DATE} says of them, without making text of it. */
function endsInAsctime(bytes: Buffer, start: number, end: number): boolean {
  const at = end - ASCTIME;
  if (at < start + 5 || bytes[at - 1] !== SPACE) return false;
  if (bytes[at + 3] !== SPACE || bytes[at + 7] !== SPACE || bytes[at + 10] !== SPACE) return false;
  if (bytes[at + 13] !== COLON || bytes[at + 16] !== COLON || bytes[at + 19] !== SPACE) return false;
  if (bytes[at + 8] !== SPACE && !isDigit(bytes[at + 8]!)) return false;
  for (const digit of DIGITS) if (!isDigit(bytes[at + digit]!)) return false;
  return DAY_CODES.has(code(bytes, at)) && MONTH_CODES.has(code(bytes, at + 4));
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}

/** Three letters, capital or not, as a number; other bytes may come out as letters, but as none of a name. */
function code(bytes: Buffer, at: number): number {
  const [a, b, c] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
  if (a < 0x41 || b < 0x41 || c < 0x41) return 0;
  return ((a | 0x20) << 16) | ((b | 0x20) << 8) | c | 0x20;
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
