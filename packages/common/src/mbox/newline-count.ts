/**
 * Counts line ends, four bytes at a time.
 *
 * POP3 announces a message's octets with CR LF line ends, so every line of a mailbox is counted at each login, and a
 * native search that stops at each line costs several times the reading of the file.
 */

const LF = 10;
/** LF in each byte of a word. */
const LFS = 0x0a0a0a0a;
const LOW_BITS = 0x7f7f7f7f;
/** Words whose counts fit one byte each. */
const ROUND = 255;

/** A buffer of its own memory, and the same memory as words. */
export interface CountedBuffer {
  readonly bytes: Buffer;
  readonly words: Int32Array;
}

/** Makes a buffer of at least `size` bytes in which {@link countNewlines} can count. */
export function countedBuffer(size: number): CountedBuffer {
  const memory = new ArrayBuffer(Math.ceil(size / 4) * 4);
  return { bytes: Buffer.from(memory), words: new Int32Array(memory) };
}

/** How many line feeds are in `[start, end)`. */
export function countNewlines({ bytes, words }: CountedBuffer, start: number, end: number): number {
  let count = 0;
  let at = start;
  for (; at < end && at % 4 !== 0; at++) if (bytes[at] === LF) count++;
  const last = Math.max(at >> 2, end >> 2);
  for (let word = at >> 2; word < last; ) {
    const stop = Math.min(last, word + ROUND);
    // One counter a byte of `sums`: the high bit of each byte of `hits` is set where that byte of the word is LF.
    let sums = 0;
    for (; word < stop; word++) {
      const x = words[word]! ^ LFS;
      const hits = ~(((x & LOW_BITS) + LOW_BITS) | x | LOW_BITS);
      sums = (sums + (hits >>> 7)) | 0;
    }
    count += (sums & 255) + ((sums >>> 8) & 255) + ((sums >>> 16) & 255) + (sums >>> 24);
  }
  for (at = Math.max(at, last * 4); at < end; at++) if (bytes[at] === LF) count++;
  return count;
}
