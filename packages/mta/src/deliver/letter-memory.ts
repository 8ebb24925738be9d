/**
 * The memory in which letters go to the thread that writes mailboxes. It changes hands there and back, and is used again: what the
 * thread only dropped would stay until its engine looks for garbage, which it does not do before there is a lot of it.
 *
 * Only one side has a piece at a time: whoever gives it away has an empty one left.
 */

/** Pieces are as large as a multiple of this, so that one fits many orders. */
const STEP = 64 * 1024;
/** Octets that are kept for later orders. */
const MOST_SPARE = 2 * 1024 * 1024;

/** Pieces of memory. */
export class LetterMemory {
  readonly #spare: ArrayBuffer[] = [];
  #octets = 0;

  /** Octets that are kept. */
  get spare(): number {
    return this.#octets;
  }

  /** A piece of at least so many octets; what is in it is left over from earlier. */
  take(octets: number): ArrayBuffer {
    const found = this.#spare.findIndex(({ byteLength }) => byteLength >= octets);
    if (octets > 0 && found >= 0) {
      const [piece] = this.#spare.splice(found, 1) as [ArrayBuffer];
      this.#octets -= piece.byteLength;
      return piece;
    }
    return Buffer.allocUnsafeSlow(Math.ceil(octets / STEP) * STEP).buffer as ArrayBuffer;
  }

  /** A piece has come back. */
  giveBack(piece: ArrayBuffer): void {
    if (piece.byteLength === 0 || this.#octets + piece.byteLength > MOST_SPARE) return;
    this.#spare.push(piece);
    this.#octets += piece.byteLength;
  }
}
