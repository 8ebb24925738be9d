/**
 * Reads an mbox the way the format is documented, apart from the product's own reader, so that the two check each other.
 */
import { readFileSync } from "node:fs";

/** A message as it stands in an mbox. */
export interface MboxEntry {
  /** The separator line, `From sender date`. */
  readonly from: string;
  /** Header and body with LF line ends, one `>` of `>From ` taken off. */
  readonly message: Buffer;
  /** The lines of the header, folded ones joined. */
  readonly header: readonly string[];
}

/** The messages of an mbox file; none when the file is not there. */
export function readMbox(file: string): MboxEntry[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return splitMbox(bytes);
}

/** The messages of the bytes of an mbox. */
export function splitMbox(bytes: Buffer): MboxEntry[] {
  const text = bytes.toString("latin1");
  const starts: number[] = [];
  for (const match of text.matchAll(/(?<=^|\n\n)From [^\n]*\d{4}\n/g)) starts.push(match.index);
  return starts.map((start, i) => {
    const whole = text.slice(start, starts[i + 1] ?? text.length);
    const lineEnd = whole.indexOf("\n");
    const message = whole
      .slice(lineEnd + 1)
      .replace(/\n$/, "")
      .replace(/^>(>*From )/gm, "$1");
    const headerEnd = message.startsWith("\n") ? 0 : message.search(/\n\n|\n$|$/);
    const header = message.slice(0, headerEnd).replace(/\n[ \t]+/g, " ");
    return {
      from: whole.slice(0, lineEnd),
      message: Buffer.from(message, "latin1"),
      header: header === "" ? [] : header.split("\n"),
    };
  });
}

/** The values of a header field, by its name without case. */
export function fieldValues(entry: MboxEntry, name: string): string[] {
  const prefix = `${name.toLowerCase()}:`;
  return entry.header
    .filter((line) => line.toLowerCase().startsWith(prefix))
    .map((line) => line.slice(prefix.length).trim());
}
