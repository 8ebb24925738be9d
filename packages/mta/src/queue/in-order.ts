/**
 * Two lists of entries as one.
 */
import type { QueueEntry } from "./queue-entry.ts";

/**
 * Entries in the order of their ids, which is that of their arrival.
 *
 * @param few in any order; one that is among the many too, as it is on its way there, is given as it is there
 * @param many in order; read as they are asked for
 */
export function* inOrder(few: readonly QueueEntry[], many: Iterable<QueueEntry>): Generator<QueueEntry> {
  const left = few.toSorted((a, b) => (a.id < b.id ? 1 : -1));
  for (const entry of many) {
    for (let next = left.at(-1); next !== undefined && next.id < entry.id; next = left.at(-1)) {
      left.pop();
      yield next;
    }
    if (left.at(-1)?.id === entry.id) left.pop();
    yield entry;
  }
  yield* left.toReversed();
}
