/**
 * The bytes between DATA and its end (RFC 5321 section 4.5.2): takes the dot-stuffing off, finds the end, makes every
 * line end CRLF. Pure: bytes in, in any chunking, bytes out; the result never depends on where the chunks were cut.
 *
 * The end is CRLF . CRLF and nothing else, so that no peer can be smuggled to. A bare LF is a line end like
 * CRLF, except that it never takes part in the end mark. A lone dot that is no end mark stays as it is. A bare CR is content.
 */

import { PlainRuns } from "./data-kernel.ts";

/** What one chunk gave. */
export interface Decoded {
  /** Content, CRLF line ends; may be empty. */
  readonly content: Buffer;
  /** Set when the end was found: the bytes that follow it, which are commands again. */
  readonly rest?: Buffer;
}

const DOT = 0x2e;
const CR = 0x0d;
const LF = 0x0a;
const EMPTY = Buffer.alloc(0);

/** One message's decoder. */
export class DataDecoder {
  /** `.` or `.CR` at the start of a line, whose meaning depends on what follows. */
  #held: Buffer = EMPTY;
  #lineStart = true;
  /** Whether the line before ended in CRLF; so does, in effect, the DATA command. */
  #afterCrlf = true;
  #lastWasCr = false;
  #lines = 0;

  /** Line ends of the content so far. */
  get lines(): number {
    return this.#lines;
  }

  /** Takes the next chunk. Not to be called again once `rest` was set. */
  push(chunk: Buffer): Decoded {
    const input = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    this.#held = EMPTY;
    const out = new RunWriter(input);
    const plain = new PlainRuns(input);
    let at = 0;
    while (at < input.length) {
      if (this.#lineStart && input[at] === DOT) {
        const lone = loneDot(input, at);
        if (lone === "unknown") {
          this.#held = Buffer.from(input.subarray(at));
          break;
        }
        if (lone === "crlf" && this.#afterCrlf)
          return { content: out.result(), rest: input.subarray(at + 3) };
        if (lone === "no") at += 1;
      }
      at = this.#copyLines(input, at, out, plain);
    }
    return { content: out.result() };
  }

  /** Copies to the end of a line that is no plain CRLF or has a dot behind it, or of the input. */
  #copyLines(input: Buffer, at: number, out: RunWriter, plain: PlainRuns): number {
    const { stop: lf, lines } = plain.next(at, this.#lastWasCr);
    this.#lines += lines;
    if (lf === input.length) {
      out.run(at, lf);
      const last = input[lf - 1];
      if (lines > 0) this.#afterCrlf = true;
      this.#lineStart = last === LF;
      this.#lastWasCr = last === CR;
      return lf;
    }
    const crlf = lf > 0 ? input[lf - 1] === CR : this.#lastWasCr;
    if (crlf) {
      out.run(at, lf + 1);
    } else {
      out.run(at, lf);
      out.crlf();
    }
    this.#lines += 1;
    this.#lineStart = true;
    this.#afterCrlf = crlf;
    this.#lastWasCr = false;
    return lf + 1;
  }
}

/** Whether the dot at the start of a line is the whole line, and how that line ends. */
function loneDot(input: Buffer, at: number): "crlf" | "lf" | "no" | "unknown" {
  const next = input[at + 1];
  if (next === undefined) return "unknown";
  if (next === LF) return "lf";
  if (next !== CR) return "no";
  const after = input[at + 2];
  if (after === undefined) return "unknown";
  return after === LF ? "crlf" : "no";
}

/** Collects runs of the input; copies nothing as long as they lie side by side. */
class RunWriter {
  readonly #input: Buffer;
  #from = 0;
  #to = 0;
  #out: Buffer | undefined;
  #length = 0;

  constructor(input: Buffer) {
    this.#input = input;
  }

  run(from: number, to: number): void {
    if (from === to) return;
    if (from !== this.#to) {
      if (this.#to > this.#from || this.#out !== undefined) this.#flush();
      this.#from = from;
    }
    this.#to = to;
  }

  crlf(): void {
    const out = this.#flush();
    out[this.#length] = CR;
    out[this.#length + 1] = LF;
    this.#length += 2;
  }

  result(): Buffer {
    if (this.#out === undefined) return this.#input.subarray(this.#from, this.#to);
    this.#flush();
    return this.#out.subarray(0, this.#length);
  }

  /** Copies the run at hand. Each octet of input gives two of output at most: a bare LF becomes CRLF. */
  #flush(): Buffer {
    this.#out ??= Buffer.allocUnsafe(this.#input.length * 2 + 2);
    this.#length += this.#input.copy(this.#out, this.#length, this.#from, this.#to);
    this.#from = this.#to;
    return this.#out;
  }
}
