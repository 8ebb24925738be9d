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

/** `Jun  3 21:59:01`, as syslog writes it. */
export function syslogTime(ms: number): string {
  const t = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${MONTHS[t.getMonth()]} ${String(t.getDate()).padStart(2)} ${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

/**
 * The text with control characters escaped, those beyond ASCII and Unicode's own line ends too, so that nobody can forge a
 * line or speak to the terminal of whoever reads it.
 */
export function escaped(text: string): string {
  return text.replace(
    /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g,
    (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
