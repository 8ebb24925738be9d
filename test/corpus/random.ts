/**
 * A generator of the same numbers for the same seed, so that what a test found can be found again.
 */

/** Numbers and choices. */
export interface Random {
  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number;
  /** One of a list. */
  pick<T>(list: readonly T[]): T;
  /** True with a probability. */
  chance(probability: number): boolean;
  /** Octets, each from `low` to `high`. */
  bytes(length: number, low?: number, high?: number): Buffer;
}

/** A generator from a seed: a 32-bit counter stirred by multiplication and shifts. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
  const integer = (low: number, high: number) => low + (next() % (high - low + 1));
  return {
    integer,
    pick: (list) => list[integer(0, list.length - 1)]!,
    chance: (probability) => next() / 0x1_0000_0000 < probability,
    bytes: (length, low = 0, high = 255) => {
      const bytes = Buffer.allocUnsafe(length);
      for (let i = 0; i < length; i++) bytes[i] = integer(low, high);
      return bytes;
    },
  };
}
