/**
 * Writes the replies of one connection. Those of one turn, to commands that came together, go out together
 * (RFC 2920 section 3.2); nothing waits longer than that.
 */
import type { Socket } from "node:net";
import type { ReplyTurn } from "./reply-turn.ts";

/** What nearly all replies are made of. */
const PLAIN = /^[ -~]*$/;
/** A line break in a reply would be a reply of its own. */
const EACH_CONTROL = /[\x00-\x1f\x7f-\x9f]/g;

/** The replies of a connection. */
export class ReplyWriter {
  readonly #socket: () => Socket;
  readonly #turn: () => ReplyTurn;
  /** The one whose end is listened to. */
  #watched: Socket | undefined;
  #text = "";
  /** Nothing in it is beyond ASCII, and it needs no encoding. */
  #isPlain = true;

  /**
   * @param socket where they go at the moment: TLS changes that
   * @param turn says when they are written, and hears of each write
   */
  constructor(socket: () => Socket, turn: () => ReplyTurn) {
    this.#socket = socket;
    this.#turn = turn;
  }

  /** A reply of one line or several; control characters in it become blanks. */
  add(code: number, lines: string | readonly string[]): void {
    if (this.#text === "") this.#join();
    if (typeof lines === "string") {
      // The blank belongs to it also where nothing follows (RFC 4954 section 4).
      this.#text += `${lines === "" && code !== 334 ? code : `${code} ${this.#clean(lines)}`}\r\n`;
      return;
    }
    const last = lines.length - 1;
    for (let i = 0; i <= last; i += 1)
      this.#text += `${code}${i < last ? "-" : " "}${this.#clean(lines[i]!)}\r\n`;
  }

  #join(): void {
    const socket = this.#socket();
    if (socket !== this.#watched) {
      // Whoever closes its side hears what it was told before: behind the socket's own look at the end nothing can be written.
      socket.prependListener("end", this.flush);
      this.#watched = socket;
    }
    this.#turn().join(this.flush);
  }

  /** Writes what has been gathered. */
  readonly flush = (): void => {
    const text = this.#text;
    if (text === "") return;
    const encoding = this.#isPlain ? "latin1" : "utf8";
    this.#text = "";
    this.#isPlain = true;
    const socket = this.#socket();
    if (socket.destroyed || !socket.writable) return;
    socket.write(text, encoding);
    this.#turn().written();
  };

  #clean(text: string): string {
    if (PLAIN.test(text)) return text;
    this.#isPlain = false;
    return text.replace(EACH_CONTROL, " ");
  }
}
