/**
 * The form of a line of the log, in Sendmail's syslog form or as JSON. Pure.
 */

/** What a line says besides its text. */
export interface LineFacts {
  readonly format: "sendmail" | "json";
  /** ms since 1970. */
  readonly now: number;
  /** Short name of the host. */
  readonly host: string;
  readonly tag: string;
  readonly pid: number;
  readonly level: string;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** The line, without its end. The text is expected to have been made {@link escaped}. */
export function logLine(facts: LineFacts, text: string): string {
  const { format, now, host, tag, pid, level } = facts;
  return format === "json"
    ? JSON.stringify({ time: new Date(now).toISOString(), host, tag, pid, level, text })
    : `${syslogTime(now)} ${host} ${tag}[${pid}]: ${text}`;
}

/** Makes the lines of one process, as {@link logLine} does; the time of one second is written once. */
export function lineWriter(
  facts: Pick<LineFacts, "format" | "host" | "tag" | "pid">,
): (now: number, level: string, text: string) => string {
  if (facts.format === "json") return (now, level, text) => logLine({ ...facts, now, level }, text);
  let second = Number.NaN;
  let head = "";
  return (now, _level, text) => {
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      head = `${syslogTime(now)} ${facts.host} ${facts.tag}[${facts.pid}]: `;
    }
    return head + text;
  };
}

/** `Jun  3 21:59:01`, as syslog writes it. */
export function syslogTime(ms: number): string {
  const t = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${MONTHS[t.getMonth()]} ${String(t.getDate()).padStart(2)} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

const UNSAFE = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;
const EACH_UNSAFE = new RegExp(UNSAFE, "g");

/**
 * The text with control characters escaped, those beyond ASCII and Unicode's own line ends too, so that nobody can forge a
 * line or speak to the terminal of whoever reads it.
 */
export function escaped(text: string): string {
  if (!UNSAFE.test(text)) return text;
  return text.replace(EACH_UNSAFE, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
