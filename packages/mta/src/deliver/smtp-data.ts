/**
 * A message in the form in which it goes after DATA (RFC 5321 section 4.5.2): lines end in CRLF and nothing else, a
 * dot at the start of a line is doubled, a line with one dot ends it.
 *
 * A CR or LF by itself would be a line end to some servers and none to others, and with that a second message could be
 * smuggled past them. A lone CR goes as a space, a lone LF as CRLF; every other octet goes as it is.
 */

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const SPACE = 0x20;
/** Runs up to this are copied octet by octet: a call costs more. */
const SHORT_RUN = 32;

/** Encodes one message, piece by piece, cut anywhere. */
export class DataEncoder {
  #atLineStart = true;
  /** The last octet was a CR that is not written yet: the next one decides what it is. */
  #heldCr = false;

  /** The next piece, encoded: the very piece where nothing in it changes, which is how nearly all mail goes. */
  push(chunk: Buffer): Buffer {
    if (chunk.length === 0) return chunk;
    const out = new Runs(chunk);
    let at = 0;
    if (this.#heldCr) {
      if (chunk[0] === LF) {
        out.put(CR, LF);
        at = 1;
        this.#atLineStart = true;
      } else {
        out.put(SPACE);
        this.#atLineStart = false;
      }
      out.skipTo(at);
    }
    if (this.#atLineStart && chunk[at] === DOT) out.put(DOT);
    return this.#lines(chunk, at, out);
  }

  /** Goes from line end to line end; what lies between is not looked at in script. */
  #lines(chunk: Buffer, start: number, out: Runs): Buffer {
    let at = start;
    let cr = chunk.indexOf(CR, at);
    let lf = chunk.indexOf(LF, at);
    while (cr >= 0 || lf >= 0) {
      if (cr >= 0 && (lf < 0 || cr < lf - 1)) {
        // A lone CR, unless it is the last octet.
        out.runTo(cr);
        at = cr + 1;
        out.skipTo(at);
        if (at === chunk.length) break;
        out.put(SPACE);
        cr = chunk.indexOf(CR, at);
        continue;
      }
      at = lf + 1;
      if (cr === lf - 1 && cr >= 0) cr = chunk.indexOf(CR, at);
      else {
        out.runTo(lf);
        out.put(CR, LF);
        out.skipTo(at);
      }
      if (chunk[at] === DOT) {
        out.runTo(at);
        out.put(DOT);
      }
      lf = chunk.indexOf(LF, at);
    }
    const last = chunk[chunk.length - 1];
    this.#heldCr = last === CR;
    this.#atLineStart = last === LF;
    return out.result();
  }

  /** What ends the message: its last line's end if it has none, and the line with the dot. */
  end(): Buffer {
    const space = this.#heldCr ? " " : "";
    const lineEnd = this.#atLineStart && !this.#heldCr ? "" : "\r\n";
    return Buffer.from(`${space}${lineEnd}.\r\n`, "latin1");
  }
}

/** Runs of a piece and octets between them; copies nothing as long as there are none. */
class Runs {
  readonly #input: Buffer;
  #out: Buffer | undefined;
  #length = 0;
  #from = 0;

  constructor(input: Buffer) {
    this.#input = input;
  }

  /** Takes the input up to a place. */
  runTo(to: number): void {
    const from = this.#from;
    if (to === from) return;
    const out = this.#copy();
    if (to - from > SHORT_RUN) this.#length += this.#input.copy(out, this.#length, from, to);
    else for (let at = from; at < to; at++) out[this.#length++] = this.#input[at]!;
    this.#from = to;
  }

  /** Leaves the input out up to a place. */
  skipTo(at: number): void {
    this.#from = at;
  }

  put(...octets: number[]): void {
    const out = this.#copy();
    for (const octet of octets) out[this.#length++] = octet;
  }

  result(): Buffer {
    if (this.#out === undefined && this.#from === 0) return this.#input;
    this.runTo(this.#input.length);
    return this.#copy().subarray(0, this.#length);
  }

  /** Each octet becomes two at most; a held CR adds one. */
  #copy(): Buffer {
    this.#out ??= Buffer.allocUnsafe(2 * this.#input.length + 2);
    return this.#out;
  }
}
