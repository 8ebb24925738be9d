/**
 * Turns a message as an mbox holds it into a message as POP3 sends it, chunk by chunk, at any split:
 *
 * - LF becomes CR LF; a CR alone is passed on, so a message comes back byte for byte as it was accepted
 * - a line that matches `^>+From ` loses one `>` (mboxrd)
 * - a line that starts with a dot gets one more (RFC 1939 section 3)
 * - a last line without a line end gets one
 *
 * Runs between line ends are found and copied natively; only the first bytes of a line are looked at one by one.
 */

const LF = 10;
const CR = 13;
const DOT = 46;
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

/** What every encoder writes into: a fresh buffer for each chunk costs more than the encoding. */
const LARGEST_SCRATCH = 256 * 1024;
let scratch: Buffer = Buffer.alloc(0);

/** The state of one message on its way to the client. */
export class MessageEncoder {
  #place: Place = "start";
  #matched = 0;
  #octets = 0;

  /** Octets given out so far, the dots of dot-stuffing not counted: the figure that LIST and RETR announce. */
  get octets(): number {
    return this.#octets;
  }

  /** Encodes one chunk; the answer is good until any encoder's next. */
  encode(chunk: Buffer): Buffer {
    // Twice the length for a chunk of dots or line ends, and what was held back before.
    const most = 2 * chunk.length + FROM.length + 1;
    if (scratch.length < most && most <= LARGEST_SCRATCH) scratch = Buffer.allocUnsafeSlow(LARGEST_SCRATCH);
    const out = most <= scratch.length ? scratch : Buffer.allocUnsafe(most);
    let to = 0;
    let stuffed = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#place === "start") {
        const first = chunk[at]!;
        if (first === GREATER) {
          this.#place = "quotes";
          this.#matched = 0;
          at++;
          continue;
        }
        if (first === DOT) {
          out[to++] = DOT;
          stuffed++;
        }
        this.#place = "inside";
      } else if (this.#place === "quotes") {
        const byte = chunk[at]!;
        if (byte === FROM[this.#matched]) {
          at++;
          if (++this.#matched < FROM.length) continue;
          // The `>` that was held back is the one taken off.
          to += FROM.copy(out, to);
          this.#place = "inside";
        } else if (byte === GREATER && this.#matched === 0) {
          out[to++] = GREATER;
          at++;
        } else {
          to = this.#release(out, to);
        }
        continue;
      }
      const end = chunk.indexOf(LF, at);
      if (end < 0) {
        to += chunk.copy(out, to, at);
        break;
      }
      to += chunk.copy(out, to, at, end);
      out[to++] = CR;
      out[to++] = LF;
      at = end + 1;
      this.#place = "start";
    }
    this.#octets += to - stuffed;
    return out.subarray(0, to);
  }

  /** What is left at the end of the message. */
  finish(): Buffer {
    if (this.#place === "start") return Buffer.alloc(0);
    const out = Buffer.allocUnsafe(FROM.length + 3);
    let to = this.#place === "quotes" ? this.#release(out, 0) : 0;
    out[to++] = CR;
    out[to++] = LF;
    this.#place = "start";
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
