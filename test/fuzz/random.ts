/**
 * Random numbers that come again with the same seed, and inputs made of others by small changes.
 */

/** A source of random numbers. */
export interface Random {
  /** An integer from 0 up to `below`, which is left out. */
  below(below: number): number;
  pick<T>(from: readonly T[]): T;
}

/** The source of a seed (mulberry32). */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (below) => Math.floor(next() * below),
    pick: (from) => from[Math.floor(next() * from.length)]!,
  };
}

/** Changes of one input. */
const MOST_CHANGES = 6;

/**
 * Makes an input of another.
 *
 * @param words what the format is made of; put in at random places
 * @param longest bytes that the result has at most
 */
export function mutated(
  random: Random,
  corpus: readonly Buffer[],
  words: readonly Buffer[],
  longest: number,
): Buffer {
  let bytes: Buffer = random.pick(corpus);
  for (let left = 1 + random.below(MOST_CHANGES); left > 0; left--)
    bytes = changed(random, bytes, corpus, words);
  return bytes.subarray(0, longest);
}

function changed(random: Random, bytes: Buffer, corpus: readonly Buffer[], words: readonly Buffer[]): Buffer {
  const at = random.below(bytes.length + 1);
  const to = Math.min(bytes.length, at + random.below(random.pick([2, 8, 64, 1024])));
  const put = (middle: Buffer, behind = at) =>
    Buffer.concat([bytes.subarray(0, at), middle, bytes.subarray(behind)]);
  switch (random.below(7)) {
    case 0:
      return put(random.pick(words));
    case 1:
      return put(random.pick(words), to);
    case 2:
      return put(Buffer.alloc(0), to);
    case 3:
      return put(Buffer.from([random.below(256)]), Math.min(bytes.length, at + random.below(2)));
    case 4:
      return put(
        Buffer.concat(Array.from({ length: random.pick([2, 3, 20, 200]) }, () => bytes.subarray(at, to))),
      );
    case 5: {
      const other = random.pick(corpus);
      const from = random.below(other.length + 1);
      return put(other.subarray(from, from + random.below(512)));
    }
    default:
      return Buffer.concat([bytes.subarray(at), bytes.subarray(0, at)]);
  }
}

/** Cuts bytes into pieces at random places. */
export function splitUp(random: Random, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  const longest = random.pick([1, 3, 17, 600, 65_536]);
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + random.below(longest);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
