/**
 * Notices that LMDB has given the queue up. When the write of a meta page fails (an I/O error, or no room on a file system that copies
 * on write), LMDB refuses everything from then on until the environment is opened anew (MDB_PANIC), even when the disk works again. Which of
 * the two meta pages counts is then for the next opening to see, so the process ends; the launcher starts another one. What was
 * acknowledged is in the queue, and what was not is with its client.
 */
import type { Clock } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { QueueStore } from "./queue-store.ts";

/** How often the queue is asked (ms): a look in memory. */
const EVERY = 250;

/**
 * Watches until it is closed.
 *
 * @param onPanic told once, with what LMDB said
 */
export function watchForPanic(
  store: Pick<QueueStore, "isThere">,
  clock: Clock,
  onPanic: (reason: string) => void,
): { close(): void } {
  const look = () => {
    try {
      store.isThere("0");
    } catch (error) {
      if (messageOf(error).includes("MDB_PANIC")) {
        onPanic(messageOf(error));
        return;
      }
    }
    timer = clock.after(EVERY, look);
  };
  let timer = clock.after(EVERY, look);
  return { close: () => timer.cancel() };
}
