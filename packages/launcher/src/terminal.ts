/**
 * Where a command writes and asks: standard output and error, colours only where a person looks, passwords without echo.
 */
import { UserError } from "@mailhost/common/errors";
import { EX_DATAERR, EX_NOINPUT, EX_TEMPFAIL } from "@mailhost/common/sysexits";

/** Longest password line that is read, octets. */
const LINE_LIMIT = 4096;

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
      process.stdin.isTTY ? askPassword(question, twice) : readFirstLine(process.stdin),
  };
}

async function askPassword(question: string, twice: boolean): Promise<string> {
  const password = await askWithoutEcho(`${question}: `);
  if (password === "") throw new UserError("an empty password is no password", EX_DATAERR);
  if (twice && (await askWithoutEcho(`${question} again: `)) !== password) {
    throw new UserError("the two passwords differ; nothing was changed", EX_DATAERR);
  }
  return password;
}

/** One line typed on the terminal; nothing of it is shown. */
function askWithoutEcho(prompt: string): Promise<string> {
  const input = process.stdin;
  process.stderr.write(prompt);
  input.setRawMode(true);
  input.setEncoding("utf8");
  return new Promise((resolve, reject) => {
    let text = "";
    const finish = (result: () => void) => {
      input.off("data", onData);
      input.setRawMode(false);
      input.pause();
      process.stderr.write("\n");
      result();
    };
    const onData = (keys: string) => {
      for (const key of keys) {
        if (key === "\r" || key === "\n" || key === "\x04") return finish(() => resolve(text));
        if (key === "\x03") return finish(() => reject(new UserError("interrupted", EX_TEMPFAIL)));
        if (key === "\x7f" || key === "\b") text = text.replace(/.$/su, "");
        else if (key === "\x15") text = "";
        else text += key;
      }
      return undefined;
    };
    input.on("data", onData);
    input.resume();
  });
}

/**
 * The first line of a stream, without its line end.
 *
 * @throws UserError when there is none, when it is empty, or when it is too long to be a password
 */
export async function readFirstLine(input: AsyncIterable<Buffer | string>): Promise<string> {
  let read = Buffer.alloc(0);
  for await (const piece of input) {
    read = Buffer.concat([read, Buffer.from(piece)]);
    if (read.includes(0x0a) || read.length > LINE_LIMIT) break;
  }
  const end = read.indexOf(0x0a);
  const line = (end < 0 ? read : read.subarray(0, end)).toString("utf8").replace(/\r$/, "");
  if (line === "") {
    throw new UserError("no password on standard input: its first line is taken", EX_NOINPUT);
  }
  if (Buffer.byteLength(line) > LINE_LIMIT) {
    throw new UserError(`a password of more than ${LINE_LIMIT} octets is refused`, EX_DATAERR);
  }
  return line;
}
