/**
 * The queue as the daemon has it, on a clock that the test moves.
 */
import nodeFs, { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Site } from "@mailhost/common/site";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import type { JournalFileSystem } from "../../src/queue/journal-segment.ts";
import { type OpenQueue, openQueue } from "../../src/queue/open-queue.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import type { QueueStore } from "../../src/queue/queue-store.ts";
import { HEADER, listLog, message, temporarySite } from "./queue-samples.ts";

export const START = Date.UTC(2026, 10, 27, 12);

export interface Opened extends OpenQueue {
  readonly clock: ManualClock;
  readonly dir: string;
  /** Waits for something that waits for time to pass. */
  readonly passing: <T>(work: Promise<T>) => Promise<T>;
  /** What is on the disk when this process is killed now. */
  readonly killed: () => Promise<Site>;
  /** What another process finds there. */
  readonly afterKill: () => Promise<OpenQueue>;
}

export async function daemonQueue(t: TestContext, fs: JournalFileSystem = nodeFs): Promise<Opened> {
  const site = await temporarySite(t);
  const clock = new ManualClock(START);
  const log = listLog();
  const queue = await openQueue(site, { clock, log, daemon: true, journalFileSystem: fs });
  const open: OpenQueue[] = [queue];
  t.after(async () => {
    for (const one of open) await one.store.close();
  });
  const killed = async () => {
    const copy = await temporarySite(t);
    mkdirSync(copy.queueDir, { recursive: true });
    for (const name of ["queue.mdb", "accepted", "large"])
      cpSync(join(site.queueDir, name), join(copy.queueDir, name), { recursive: true });
    return copy;
  };
  const passing = async <T>(work: Promise<T>): Promise<T> => {
    let over = false;
    const done = () => (over = true);
    work.then(done, done);
    for (let turn = 0; !over; turn++) {
      await new Promise(setImmediate);
      if (turn % 20 === 19) await clock.advance(1);
    }
    return work;
  };
  return {
    ...queue,
    clock,
    dir: site.queueDir,
    passing,
    killed,
    async afterKill() {
      const next = await openQueue(await killed(), { clock: new ManualClock(clock.now()), log: listLog() });
      open.push(next);
      return next;
    },
  };
}

export async function accept(store: QueueStore, text: string | Buffer = HEADER): Promise<QueueEntry> {
  const writer = store.receive();
  await writer.write(Buffer.from(text));
  return writer.commit(message());
}

export function idsOf(store: QueueStore): string[] {
  return [...store.list()].map(({ id }) => id).sort();
}
