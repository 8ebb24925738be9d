/**
 * Options of the JavaScript engine that the daemons are started with.
 */
import { availableParallelism } from "node:os";

/** The engine's own number of helpers: threads that collect garbage and compile beside the program. */
const USUAL_HELPERS = 4;

/**
 * The engine would learn which literals live long and put them into the old generation at once. It learns that while there is little
 * to do, of those that every session makes, and from then on each of them, dead, keeps its whole session until a full collection: half of
 * what a message leaves to the old generation, and a tenth of its processor time.
 */
const NOTHING_BORN_OLD = "--no-allocation-site-pretenuring";

/**
 * The options of a daemon.
 *
 * Helpers beyond the processors that the main thread leaves free keep each other and it from running: with 4 of them on two processors
 * a message costs 3 to 12 per cent more time than with one.
 *
 * @param processors how many threads of this machine, or container, can run at once
 */
export function engineOptions(name: "mta" | "pop3", processors = availableParallelism()): readonly string[] {
  const helpers = `--v8-pool-size=${Math.min(USUAL_HELPERS, Math.max(1, processors - 1))}`;
  // A young generation of 2 x 8 MiB: twice that makes the mta 25 MiB larger, and no faster to speak of. When it is idle for
  // long it collects its garbage by itself (mta/src/idle-collection.ts).
  const collection = [NOTHING_BORN_OLD, "--max-semi-space-size=8", "--no-memory-reducer"];
  return name === "mta" ? [...collection, helpers] : [helpers];
}
