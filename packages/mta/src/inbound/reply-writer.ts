/**
 * Writes the replies of one connection. Those of one turn, to commands that came together, go out together
 * (RFC 2920 section 3.2); nothing waits longer than that.
 */
import type { Socket } from "node:net";

/** A line break in a reply would be a reply of its own. */
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
const EACH_CONTROL = new RegExp(CONTROL, "g");

/** The replies of a connection. */
export class ReplyWriter {
  readonly #socket: () => Socket;
  #text = "";

  /** @param socket where they go at the moment: TLS changes that */
  constructor(socket: () => Socket) {
    this.#socket = socket;
  }

  /** A reply of one line or several; control characters in it become blanks. */
  add(code: number, lines: string | readonly string[]): void {
    if (this.#text === "") process.nextTick(this.flush);
    if (typeof lines === "string") {
      // The blank belongs to it also where nothing follows (RFC 4954 section 4).
      this.#text += `${lines === "" && code !== 334 ? code : `${code} ${clean(lines)}`}\r\n`;
      return;
    }
    const last = lines.length - 1;
    for (let i = 0; i <= last; i += 1) this.#text += `${code}${i < last ? "-" : " "}${clean(lines[i]!)}\r\n`;
  }

  /** Writes what has been gathered. */
  readonly flush = (): void => {
    const text = this.#text;
    if (text === "") return;
    this.#text = "";
    const socket = this.#socket();
    if (!socket.destroyed && socket.writable) socket.write(text);
  };
}

function clean(text: string): string {
  return CONTROL.test(text) ? text.replace(EACH_CONTROL, " ") : text;
}
