/**
 * A part of the bench that cleans up after itself, as a test does, also when it is interrupted.
 */
import type { Scope } from "../test/harness/host.ts";

type CleanUp = () => unknown;

const open = new Set<CleanUp[]>();

/** Runs `work`, then everything that it registered, last first, whatever happened. */
export async function scoped<T>(work: (scope: Scope) => Promise<T>): Promise<T> {
  const cleanUps: CleanUp[] = [];
  open.add(cleanUps);
  try {
    return await work({ after: (cleanUp) => void cleanUps.push(cleanUp) });
  } finally {
    await cleanUpOne(cleanUps);
    open.delete(cleanUps);
  }
}

/** On SIGINT and SIGTERM, cleans up what is open and ends. */
export function cleanUpWhenInterrupted(): void {
  const interrupted = async () => {
    for (const cleanUps of [...open].toReversed()) await cleanUpOne(cleanUps);
    process.exit(130);
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void interrupted());
}

/** What does not go is told, and keeps nothing else from going. */
async function cleanUpOne(cleanUps: CleanUp[]): Promise<void> {
  for (let cleanUp = cleanUps.pop(); cleanUp !== undefined; cleanUp = cleanUps.pop()) {
    try {
      await cleanUp();
    } catch (error) {
      process.stderr.write(`could not clean up: ${String(error)}\n`);
    }
  }
}
