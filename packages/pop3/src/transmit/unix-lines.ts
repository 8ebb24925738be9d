/**
 * Line ends as programs of the system want them: CR LF becomes LF, at any split of the bytes. A CR alone stays.
 */

const CR = 13;
const LF = 10;
const NOTHING = Buffer.alloc(0);

/** The conversion of one message. */
export class UnixLines {
  /** The last byte was a CR, which is held back. */
  #held = false;

  /** Converts a chunk; the answer is memory of its own. */
  take(chunk: Buffer): Buffer {
    if (chunk.length === 0) return NOTHING;
    const out = Buffer.allocUnsafe(chunk.length + 1);
    let to = 0;
    let at = 0;
    if (this.#held && chunk[0] !== LF) out[to++] = CR;
    this.#held = false;
    while (at < chunk.length) {
      const cr = chunk.indexOf(CR, at);
      const end = cr < 0 ? chunk.length : cr;
      to += chunk.copy(out, to, at, end);
      if (cr < 0) break;
      at = cr + 1;
      if (at === chunk.length) this.#held = true;
      else if (chunk[at] !== LF) out[to++] = CR;
    }
    return out.subarray(0, to);
  }

  /** What was held back at the end. */
  finish(): Buffer {
    const rest = this.#held ? Buffer.from([CR]) : NOTHING;
    this.#held = false;
    return rest;
  }
}
