/**
 * Memory in which large messages are gathered before they are written: used again, by any message. New memory for each write would be
 * garbage outside the engine's heap, of which the engine thinks that its heap has grown.
 */

/** Octets of one piece; each of them is one write. */
export const GATHERED = 256 * 1024;

/** Pieces that are kept when no large message comes in. */
const KEPT = 2;

/** Pieces of {@link GATHERED} octets that come back. */
export class GatherMemory {
  readonly #free: Buffer[] = [];
  #users = 0;

  /** Pieces that wait to be used. */
  get free(): number {
    return this.#free.length;
  }

  /** Somebody will {@link take} pieces, and {@link leave} when he has given them back. */
  enter(): void {
    this.#users += 1;
  }

  /** A piece; what is in it is anything. */
  take(): Buffer {
    // Slow: no part of a larger piece that is shared with others.
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(GATHERED);
  }

  /** Nothing reads from the piece, or writes it, any more. */
  giveBack(piece: Buffer): void {
    this.#free.push(piece);
    this.#shrink();
  }

  leave(): void {
    this.#users -= 1;
    this.#shrink();
  }

  /** One is being filled and one written, of each message: more than that is what a larger crowd has left. */
  #shrink(): void {
    const most = KEPT + 2 * this.#users;
    if (this.#free.length > most) this.#free.length = most;
  }
}
