/**
 * Turns a message as an mbox holds it into a message as POP3 sends it, chunk by chunk, at any split:
 *
 * - LF becomes CR LF, unless a CR is before it already: mailboxes that were copied from other systems may have such lines, and
 *   clients are to see a line's end and not CR CR LF; a CR alone is passed on
 * - a line that matches `^>+From ` loses one `>` (mboxrd)
 * - a line that starts with a dot gets one more (RFC 1939 section 3)
 * - a last line without a line end gets one, or the rest of it behind a CR
 *
 * A kernel does all of it but the lines that start with `>` (encode-kernel.ts); these are looked at here, byte by byte.
 */
import { type EncodeKernel, encodeKernel, INPUT, OUTPUT, SAID, STRETCH } from "./encode-kernel.ts";

const LF = 10;
const CR = 13;
const GREATER = 62;
const FROM = Buffer.from("From ");

/** The encoder's place within a line. */
type Place =
  /** Before its first byte. */
  | "start"
  /** Behind one `>` that is held back and others that are not, and `matched` letters of `From `, held back. */
  | "quotes"
  /** Anywhere else. */
  | "inside";

/** The state of one message on its way to the client. */
export class MessageEncoder {
  #place: Place = "start";
  #matched = 0;
  #octets = 0;
  /** The last byte of what came so far; no CR at the start. */
  #last = LF;

  /** Octets given out so far, the dots of dot-stuffing not counted: the figure that LIST and RETR announce. */
  get octets(): number {
    return this.#octets;
  }

  /** Encodes one chunk; the answer is good until any encoder's next. One of up to {@link STRETCH} bytes costs no memory. */
  encode(chunk: Buffer): Buffer {
    if (chunk.length <= STRETCH) return this.#stretch(chunk);
    const parts: Buffer[] = [];
    for (let at = 0; at < chunk.length; at += STRETCH) {
      parts.push(Buffer.from(this.#stretch(chunk.subarray(at, at + STRETCH))));
    }
    return Buffer.concat(parts);
  }

  #stretch(chunk: Buffer): Buffer {
    const kernel = encodeKernel();
    const { bytes, said } = kernel;
    if (chunk.length === 0) return chunk;
    bytes[INPUT - 1] = this.#last;
    bytes.set(chunk, INPUT);
    this.#last = chunk[chunk.length - 1]!;
    const end = INPUT + chunk.length;
    let at = INPUT;
    said[SAID.out] = OUTPUT;
    said[SAID.stuffed] = 0;
    while (at < end) {
      if (this.#place === "quotes") at = this.#quotes(kernel, at, end);
      else {
        at = kernel.encode(at, end, said[SAID.out]!, this.#place === "start" ? 1 : 0);
        this.#place = said[SAID.atStart] === 0 ? "inside" : "start";
        if (at < end) {
          // The first `>` of a line, held back.
          this.#place = "quotes";
          this.#matched = 0;
          at++;
        }
      }
    }
    const to = said[SAID.out]!;
    this.#octets += to - OUTPUT - said[SAID.stuffed]!;
    return bytes.subarray(OUTPUT, to);
  }

  /** Goes on with a line of which only `>` and letters of `From ` were met; returns where it is decided, or `end`. */
  #quotes({ bytes, said }: EncodeKernel, from: number, end: number): number {
    let at = from;
    let to = said[SAID.out]!;
    while (at < end && this.#place === "quotes") {
      const byte = bytes[at]!;
      if (byte === FROM[this.#matched]) {
        at++;
        if (++this.#matched < FROM.length) continue;
        // The `>` that was held back is the one taken off.
        to += FROM.copy(bytes, to);
        this.#place = "inside";
      } else if (byte === GREATER && this.#matched === 0) {
        bytes[to++] = GREATER;
        at++;
      } else {
        to = this.#release(bytes, to);
      }
    }
    said[SAID.out] = to;
    return at;
  }

  /** What is left at the end of the message. */
  finish(): Buffer {
    if (this.#place === "start") return Buffer.alloc(0);
    const out = Buffer.allocUnsafe(FROM.length + 3);
    let to = this.#place === "quotes" ? this.#release(out, 0) : 0;
    if (this.#last !== CR) out[to++] = CR;
    out[to++] = LF;
    this.#place = "start";
    this.#last = LF;
    this.#octets += to;
    return out.subarray(0, to);
  }

  /** Gives out what was held back: the line is not a quoted `From ` after all. */
  #release(out: Buffer, to: number): number {
    out[to++] = GREATER;
    const after = to + FROM.copy(out, to, 0, this.#matched);
    this.#place = "inside";
    return after;
  }
}
