/**
 * What an mbox contains, worked out in the slow and obvious way: split into lines, look at each.
 */

/** A message as the slow way sees it. */
export interface SlowMessage {
  readonly start: number;
  readonly head: number;
  readonly body: number;
  readonly end: number;
  /** What POP3 sends. */
  readonly sent: string;
}

const DATE = /^From (.* )?(Mon|Tue) Nov \d\d? \d\d:\d\d(:\d\d)? \d{4}\r?$/s;

/** The messages of `text`, a character a byte. */
export function slowScan(
  text: string,
  longestFromLine: number,
  isFromLine: (line: string) => boolean = (line) => DATE.test(line),
): SlowMessage[] {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const starts: { start: number; head: number }[] = [];
  let at = 0;
  let before = "\n";
  for (const line of lines) {
    const bare = line.replace(/\n$/, "");
    if (isEmpty(before) && bare.length <= longestFromLine && isFromLine(bare)) {
      starts.push({ start: at, head: at + line.length });
    }
    before = line;
    at += line.length;
  }
  return starts.map(({ start, head }, i) => {
    const next = starts[i + 1]?.start ?? text.length;
    let whole = text.slice(head, next);
    if (whole === "\n" || whole.endsWith("\n\n")) whole = whole.slice(0, -1);
    else if (whole === "\r\n" || whole.endsWith("\n\r\n")) whole = whole.slice(0, -2);
    const end = head + whole.length;
    const empty = /(?<=^|\n)\r?\n/.exec(whole);
    const body = empty === null ? end : head + empty.index + empty[0].length;
    return { start, head, body, end, sent: asSent(whole) };
  });
}

function isEmpty(line: string): boolean {
  return line === "\n" || line === "\r\n";
}

/** A stored message as POP3 sends it, without dot-stuffing. */
export function asSent(stored: string): string {
  if (stored === "") return "";
  const lines = stored.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  return lines
    .map((line) => (/^>+From /.test(line) ? line.slice(1) : line))
    .map((line) => line.replace(/\r?\n?$/, "\r\n"))
    .join("");
}
