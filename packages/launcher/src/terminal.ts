/**
 * Where a command writes and asks: standard output and error, colours only where a person looks, passwords without echo.
 */
import { askPassword, readFirstLine } from "@mailhost/common/password-prompt";

/** The few colours in use. */
export type Colour = "red" | "green" | "yellow" | "dim";

const CODES: Readonly<Record<Colour, string>> = { red: "31", green: "32", yellow: "33", dim: "2" };

/** The two streams of a command. */
export interface Terminal {
  /** A line on standard output. */
  out(line: string): void;
  /** A line on standard error. */
  err(line: string): void;
  /** The text in a colour, when standard output is a terminal that shows them. */
  paint(colour: Colour, text: string): string;
  /** A password: asked for without echo on a terminal (twice, if `twice`), else the first line of standard input. */
  readPassword(question: string, twice: boolean): Promise<string>;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  // `mailhost queue | head`: the reader has seen enough, which is no fault.
  process.stdout.on("error", () => process.exit(0));
  const colours = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
  return {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
    paint: (colour, text) => (colours ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text),
    readPassword: (question, twice) =>
      process.stdin.isTTY
        ? askPassword(`${question}: `, twice ? `${question} again: ` : undefined)
        : readFirstLine(process.stdin),
  };
}
