/**
 * Turns a message as SMTP carries it into a message as an mbox holds it, chunk by chunk, at any split:
 *
 * - CR LF becomes LF; a CR alone stays as it is, and so does the CR LF behind one: readers take a CR before LF for part of the
 *   line's end, and would give back one octet less
 * - a line that matches `^>*From ` gets one more `>` (mboxrd)
 * - the last line gets its line end
 *
 * A reader undoes the second by taking one `>` off every line that matches `^>+From `, in the header too, and gets the
 * message back byte for byte.
 */

import { INPUT, OUTPUT, STRETCH, storeKernel } from "./store-kernel.ts";

const LF = 10;
const CR = 13;
const GREATER = 62;
const FROM = Buffer.from("From ");

/** Bytes that {@link MboxEncoder.encode} writes at most for a chunk of `length` bytes. */
export function encodedBound(length: number): number {
  return length + Math.ceil(length / FROM.length) + FROM.length + 2;
}

/** Fewer bytes than this are not worth taking to the kernel. */
const WORTH_IT = 128;

/** Puts whole lines into `out` from `at` on, as an mbox holds them; returns the offset behind them. */
function storeLines(lines: Buffer, out: Buffer, at: number): number {
  const kernel = storeKernel();
  const { bytes } = kernel;
  lines.copy(bytes, INPUT);
  const end = kernel.store(INPUT, INPUT + lines.length, OUTPUT);
  return at + bytes.copy(out, at, OUTPUT, end);
}

/** The state of one message on its way into the mbox. */
export class MboxEncoder {
  /** A CR was seen and its LF may follow. */
  #cr = false;
  /** Another CR is before it. */
  #twice = false;
  /** Letters of `From ` matched and held back; -1 once the line can not match any more. */
  #matched = 0;
  /** The last byte given out was a line end, or nothing was given out. */
  #fresh = true;

  /**
   * Encodes one chunk into `out` from `at` on.
   *
   * @param out must have {@link encodedBound} bytes of room
   * @returns the offset behind the last byte written
   */
  encode(chunk: Buffer, out: Buffer, at: number): number {
    for (let from = 0; from < chunk.length; from += STRETCH) {
      at = this.#encodeStretch(chunk.subarray(from, from + STRETCH), out, at);
    }
    return at;
  }

  /** The line that has begun, then all whole lines at once, then the one that goes on in the next chunk. */
  #encodeStretch(chunk: Buffer, out: Buffer, at: number): number {
    const begun = this.#isAtStart ? 0 : chunk.indexOf(LF) + 1;
    const end = chunk.lastIndexOf(LF) + 1;
    if (end - begun < WORTH_IT) return this.#encodeBytes(chunk, out, at);
    at = this.#encodeBytes(chunk.subarray(0, begun), out, at);
    at = storeLines(chunk.subarray(begun, end), out, at);
    this.#fresh = true;
    return this.#encodeBytes(chunk.subarray(end), out, at);
  }

  /** Nothing of the line that comes has been seen, unless it is some `>`. */
  get #isAtStart(): boolean {
    return this.#matched === 0 && !this.#cr;
  }

  /** Byte by byte, at any split. */
  #encodeBytes(chunk: Buffer, out: Buffer, at: number): number {
    let cr = this.#cr;
    let twice = this.#twice;
    let matched = this.#matched;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      const before = cr;
      if (cr && byte !== LF) {
        at = this.#release(matched, out, at);
        out[at++] = CR;
        matched = -1;
      }
      cr = byte === CR;
      if (cr) {
        twice = before;
        continue;
      }
      if (matched < 0 && byte !== LF) {
        // Nothing more to find in this line but its end, and a CR that may belong to it.
        const found = chunk.indexOf(LF, i + 1);
        const end = found < 0 ? chunk.length : found;
        cr = chunk[end - 1] === CR;
        twice = cr && chunk[end - 2] === CR;
        at += chunk.copy(out, at, i, cr ? end - 1 : end);
        i = end - 1;
      } else if (byte === LF) {
        at = this.#release(matched, out, at);
        if (before && twice) out[at++] = CR;
        out[at++] = LF;
        matched = 0;
      } else if (byte === FROM[matched]) {
        matched++;
        if (matched < FROM.length) continue;
        // Whether it stands in front of the line or of "From " is the same.
        out[at++] = GREATER;
        at = this.#release(matched, out, at);
        matched = -1;
      } else if (matched === 0 && byte === GREATER) {
        out[at++] = byte;
      } else {
        at = this.#release(matched, out, at);
        out[at++] = byte;
        matched = -1;
      }
    }
    this.#cr = cr;
    this.#twice = twice;
    this.#matched = matched;
    if (chunk.length > 0) this.#fresh = chunk[chunk.length - 1] === LF;
    return at;
  }

  /** Gives out what is held back, and the last line's end when it has none. */
  finish(out: Buffer, at: number): number {
    at = this.#release(this.#matched, out, at);
    if (this.#cr) {
      out[at++] = CR;
      out[at++] = CR;
    }
    if (!this.#fresh) out[at++] = LF;
    return at;
  }

  #release(matched: number, out: Buffer, at: number): number {
    for (let i = 0; i < matched; i++) out[at++] = FROM[i]!;
    return at;
  }
}
