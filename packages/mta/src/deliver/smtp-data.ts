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

/** Encodes one message, piece by piece, cut anywhere. */
export class DataEncoder {
  #atLineStart = true;
  /** The last octet was a CR that is not written yet: the next one decides what it is. */
  #heldCr = false;

  /** The next piece, encoded. */
  push(chunk: Buffer): Buffer {
    // Each octet becomes two at most; a held CR adds one.
    const out = Buffer.allocUnsafe(2 * chunk.length + 2);
    let length = 0;
    let atLineStart = this.#atLineStart;
    let heldCr = this.#heldCr;
    for (const octet of chunk) {
      if (octet === LF) {
        out[length++] = CR;
        out[length++] = LF;
        atLineStart = true;
        heldCr = false;
        continue;
      }
      if (heldCr) {
        out[length++] = SPACE;
        atLineStart = false;
      }
      heldCr = octet === CR;
      if (heldCr) continue;
      if (octet === DOT && atLineStart) out[length++] = DOT;
      out[length++] = octet;
      atLineStart = false;
    }
    this.#atLineStart = atLineStart;
    this.#heldCr = heldCr;
    return out.subarray(0, length);
  }

  /** What ends the message: its last line's end if it has none, and the line with the dot. */
  end(): Buffer {
    const space = this.#heldCr ? " " : "";
    const lineEnd = this.#atLineStart && !this.#heldCr ? "" : "\r\n";
    return Buffer.from(`${space}${lineEnd}.\r\n`, "latin1");
  }
}
