/**
 * A password from whoever runs a command: typed without echo on a terminal, or the first line of standard input.
 */
import { UserError } from "./errors.ts";
import { EX_DATAERR, EX_NOINPUT, EX_TEMPFAIL } from "./sysexits.ts";

/** Longest password line that is read, octets. */
const LINE_LIMIT = 4096;

/**
 * Asks for a password on the terminal; nothing of it is shown.
 *
 * @param prompt shown as it is
 * @param again shown when it is to be typed a second time
 * @throws UserError when it is empty, when the two differ, or at Ctrl-C
 */
export async function askPassword(prompt: string, again?: string): Promise<string> {
  const password = await askWithoutEcho(prompt);
  if (password === "") throw new UserError("an empty password is no password", EX_DATAERR);
  if (again !== undefined && (await askWithoutEcho(again)) !== password) {
    throw new UserError("the two passwords differ; nothing was changed", EX_DATAERR);
  }
  return password;
}

/** One line typed on the terminal; nothing of it is shown. */
function askWithoutEcho(prompt: string): Promise<string> {
  const input = process.stdin;
  // First no echo, then the question: whoever answers at once must not be shown either.
  input.setRawMode(true);
  process.stderr.write(prompt);
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
