/**
 * The queue as commands see it: opened without a daemon, empty where there is none yet.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { errnoOf, messageOf, UserError } from "@mailhost/common/errors";
import { NO_LOG } from "@mailhost/common/log/command-log";
import type { Log } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { EX_IOERR } from "@mailhost/common/sysexits";
import type { Database } from "lmdb";
import { isJournalInUse, type OpenQueue, openQueue, waitsInJournal } from "../queue/open-queue.ts";
import type { QueueStore } from "../queue/queue-store.ts";

/** How long a command waits for another one that puts the journal into the tables, and how often it looks (ms). */
const PATIENCE = 5000;
const LOOK = 20;

/**
 * Calls `look` with the queue, opened for reading; with undefined when there is none.
 *
 * @throws UserError when the queue cannot be opened or is damaged
 */
export async function viewQueue<T>(
  site: Site,
  look: (store: QueueStore | undefined) => T | Promise<T>,
): Promise<T> {
  await settle(site);
  let store: QueueStore | undefined;
  try {
    ({ store } = await openQueue(site, { clock: systemClock, log: NO_LOG, readOnly: true }));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  try {
    return await look(store);
  } finally {
    await store?.close();
  }
}

/** As {@link viewQueue}, with the table in which the state of other hosts is kept. */
export async function viewHosts<T>(site: Site, look: (hosts: Database | undefined) => T): Promise<T> {
  let queue: OpenQueue | undefined;
  try {
    queue = await openQueue(site, { clock: systemClock, log: NO_LOG, readOnly: true });
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  try {
    return look(queue?.hosts);
  } finally {
    await queue?.store.close();
  }
}

/** Calls `act` with the queue, opened for writing. */
export async function changeQueue<T>(
  site: Site,
  log: Log,
  act: (store: QueueStore) => Promise<T>,
): Promise<T> {
  await settle(site);
  const { store } = await openQueue(site, { clock: systemClock, log });
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

/**
 * Has what was accepted a moment ago be in the queue's tables: the daemon puts it there when it is asked, and where one was
 * killed and none runs, we do if we may. Another command that is at it is waited for, though not for ever.
 */
async function settle(site: Site): Promise<void> {
  for (let waited = 0; waitsInJournal(site) && waited < PATIENCE; waited += LOOK) {
    if (waited > 0) await sleep(LOOK);
    if (isJournalInUse(site)) {
      // Nobody listens: it is another command that has the journal, or a daemon that begins or ends.
      if ((await sendControl(site, "under-way").catch(() => "no answer")) !== undefined) return;
      continue;
    }
    try {
      const { store } = await openQueue(site, { clock: systemClock, log: NO_LOG });
      await store.close();
    } catch (error) {
      // Who may only look sees what is in the tables.
      if (error instanceof UserError) return;
      throw new UserError(messageOf(error), EX_IOERR, { cause: error });
    }
  }
}

/** What came from a network is shown without its control characters. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}
