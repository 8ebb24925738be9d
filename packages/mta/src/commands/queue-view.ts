/**
 * The queue as commands see it: opened without a daemon, empty where there is none yet.
 */
import { systemClock } from "@mailhost/common/clock";
import { errnoOf } from "@mailhost/common/errors";
import { type Log, silentLog } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { openQueue } from "../queue/lmdb-store.ts";
import type { QueueStore } from "../queue/queue-store.ts";

/**
 * Calls `look` with the queue, opened for reading; with undefined when there is none.
 *
 * @throws UserError when the queue cannot be opened or is damaged
 */
export async function viewQueue<T>(
  site: Site,
  look: (store: QueueStore | undefined) => T | Promise<T>,
): Promise<T> {
  let store: QueueStore | undefined;
  try {
    ({ store } = await openQueue(site, { clock: systemClock, log: silentLog, readOnly: true }));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  try {
    return await look(store);
  } finally {
    await store?.close();
  }
}

/** Calls `act` with the queue, opened for writing. */
export async function changeQueue<T>(
  site: Site,
  log: Log,
  act: (store: QueueStore) => Promise<T>,
): Promise<T> {
  const { store } = await openQueue(site, { clock: systemClock, log });
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

/** What came from a network is shown without its control characters. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
