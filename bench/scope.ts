/**
 * A part of the bench that cleans up after itself, as a test does.
 */
import type { Scope } from "../test/harness/host.ts";

/** Runs `work`, then everything that it registered, last first, whatever happened. */
export async function scoped<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const cleanUps: (() => unknown)[] = [];
  try {
    return await work({ after: (cleanUp) => void cleanUps.push(cleanUp) });
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp();
  }
}
