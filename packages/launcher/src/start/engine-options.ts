/**
 * Options of the JavaScript engine that the daemons are started with.
 */
import { availableParallelism } from "node:os";

/** The engine's own number of helpers: threads that collect garbage and compile beside the program. */
const USUAL_HELPERS = 4;

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
  return name === "mta" ? ["--max-semi-space-size=8", "--no-memory-reducer", helpers] : [helpers];
}
