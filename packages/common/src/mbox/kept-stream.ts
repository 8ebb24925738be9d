/**
 * What stays of an mbox behind the first removed message, as one stream of bytes: the byte at offset n of the stream
 * belongs at `target + n`.
 */
import type { Piece } from "./copy-pieces.ts";
import type { RemoveRecord } from "./journal.ts";

/** The stream of a removal. */
export class KeptStream {
  /** Bytes of it. */
  readonly length: number;
  readonly #keep: RemoveRecord["keep"];
  /** Where in the stream each range begins. */
  readonly #offsets: readonly number[];

  constructor({ keep }: Pick<RemoveRecord, "keep">) {
    const offsets: number[] = [];
    let length = 0;
    for (const [start, end] of keep) {
      offsets.push(length);
      length += end - start;
    }
    this.length = length;
    this.#keep = keep;
    this.#offsets = offsets;
  }

  /** Where in the mbox the byte at `offset` lies. */
  positionOf(offset: number): number {
    const i = this.#rangeOf(offset);
    return this.#keep[i]![0] + offset - this.#offsets[i]!;
  }

  /** Where `length` bytes from `offset` on lie in the mbox. */
  *pieces(offset: number, length: number): Generator<Piece, undefined> {
    let left = length;
    let at = offset;
    for (let i = this.#rangeOf(offset); left > 0 && i < this.#keep.length; i++) {
      const [start, end] = this.#keep[i]!;
      const skip = at - this.#offsets[i]!;
      const take = Math.min(end - start - skip, left);
      yield [start + skip, take];
      at += take;
      left -= take;
    }
  }

  /** The last range that begins at or before `offset`. */
  #rangeOf(offset: number): number {
    let [low, high] = [0, this.#offsets.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#offsets[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
