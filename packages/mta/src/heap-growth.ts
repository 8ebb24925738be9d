/**
 * How much the engine's heap may grow before a full collection.
 *
 * What is read from sockets lies outside the heap and counts as its growth: how much is allowed is between memory and time. Beside the
 * engine's own choice, up to four times the heap, messages of 10 KiB take no more time, since little of one outlives the young
 * generation; the pieces of large ones are given back at once (inbound/free-memory).
 */
import { setFlagsFromString } from "node:v8";

/** Percent by which the heap may grow. */
const GROWTH = 70;

/** Sets the growth. An engine that does not know the flag goes on without. */
export function limitHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH}`);
}
