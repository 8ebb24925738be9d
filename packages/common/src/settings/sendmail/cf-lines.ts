/**
 * The lines of a `sendmail.cf`: an indented line goes on with the one above it; lines that are empty, or of white space only,
 * say nothing; `\r\n` ends a line as well as `\n` (op.me section 5).
 */

/** A line with its continuations. */
export interface CfLine {
  /** Without white space at its end; line breaks stay where the line goes on. */
  readonly text: string;
  /** Where it begins, 1-based. */
  readonly line: number;
}

/** Splits a text into lines; comments are among them. */
export function cfLines(text: string): CfLine[] {
  const lines: CfLine[] = [];
  let open: { parts: string[]; line: number } | undefined;
  const close = () => {
    if (open !== undefined) lines.push({ text: open.parts.join("\n").trimEnd(), line: open.line });
    open = undefined;
  };
  for (const [i, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, "");
    if (/^[ \t]/.test(line) && line.trim() !== "" && open !== undefined) open.parts.push(line);
    else if (line === "") close();
    else if (line.trim() !== "") {
      close();
      open = { parts: [line], line: i + 1 };
    }
  }
  close();
  return lines;
}
