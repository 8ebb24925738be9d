/**
 * Dates as mail headers and the greeting write them (RFC 5322 section 3.3).
 */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

let second = Number.NaN;
let written = "";

/** `Sun, 3 Jun 2001 21:59:01 +0800`, in the local time zone. The date of one second is written once. */
export function mailDate(ms: number): string {
  const asked = Math.floor(ms / 1000);
  if (asked !== second) {
    written = dateOf(ms);
    second = asked;
  }
  return written;
}

function dateOf(ms: number): string {
  const t = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const east = -t.getTimezoneOffset();
  const zone = `${east < 0 ? "-" : "+"}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
  const time = `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
  return `${DAYS[t.getDay()]}, ${t.getDate()} ${MONTHS[t.getMonth()]} ${t.getFullYear()} ${time} ${zone}`;
}
