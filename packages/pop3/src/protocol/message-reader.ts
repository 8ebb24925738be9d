/**
 * Takes a message that a client sends apart from what follows it: the message ends with a line of only a dot, and a dot at
 * the start of any other line is one too many (RFC 1939 section 3, the other way round). Works at any split of the bytes.
 */

const LF = 10;
const CR = 13;
const DOT = 46;
const LINE_OF_ONE_DOT = [DOT, CR, LF];

/** What a chunk held. */
export interface MessagePart {
  /** Bytes of the message. */
  readonly bytes: Buffer;
  /** What came behind the message's end; undefined while it has not ended. */
  readonly rest?: Buffer;
}

/** The place in one message. */
export class MessageReader {
  /** How much of `. CR LF` the line so far consists of; undefined inside a line that is something else. */
  #matched: number | undefined = 0;

  /** Takes a chunk; the answer is memory of its own. */
  take(chunk: Buffer): MessagePart {
    // A CR that was held back may come in front.
    const out = Buffer.allocUnsafe(chunk.length + 1);
    let to = 0;
    let at = 0;
    while (at < chunk.length) {
      if (this.#matched === undefined) {
        const end = chunk.indexOf(LF, at);
        const next = end < 0 ? chunk.length : end + 1;
        to += chunk.copy(out, to, at, next);
        at = next;
        if (end >= 0) this.#matched = 0;
        continue;
      }
      const byte = chunk[at]!;
      const ends = byte === LF && this.#matched > 0;
      if (ends) {
        this.#matched = 0;
        return { bytes: out.subarray(0, to), rest: chunk.subarray(at + 1) };
      }
      if (byte === LINE_OF_ONE_DOT[this.#matched]) {
        this.#matched++;
        at++;
        continue;
      }
      // The dot is one too many; a CR behind it was the line's.
      if (this.#matched === 2) out[to++] = CR;
      this.#matched = undefined;
    }
    return { bytes: out.subarray(0, to) };
  }
}
