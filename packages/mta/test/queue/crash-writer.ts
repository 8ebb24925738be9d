/**
 * A process for store-crash.test.ts: enqueues messages as fast as it can, 20 at once, small and large, and prints each id
 * once it was acknowledged, and with a `-` before it each that has left again. It is killed in the middle. As `daemon` it
 * accepts into the journal.
 */
import { writeSync } from "node:fs";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { siteAt } from "@mailhost/common/site";
import { openQueue } from "../../src/queue/open-queue.ts";
import { message } from "./queue-samples.ts";

const { store } = await openQueue(siteAt(process.argv[2]!), {
  clock: systemClock,
  log: silentLog,
  daemon: process.argv[3] === "daemon",
});
const small = Buffer.alloc(5000, 0x61);
const large = Buffer.alloc(100_000, 0x62);

async function work(lane: number): Promise<never> {
  for (let i = 0; ; i++) {
    const writer = store.receive();
    await writer.write((i + lane) % 10 === 0 ? large : small);
    const entry = await writer.commit(message());
    acknowledge(`${entry.id} ${entry.size}\n`);
    // Now and then a message leaves again, so that pages are freed and used anew.
    if (i % 5 === 4) {
      const extra = store.receive();
      await extra.write(small);
      const { id } = await extra.commit(message());
      await store.change({ remove: [id] });
      acknowledge(`-${id} 0\n`);
    }
  }
}

/** Prints before anything else happens; a reader that is busy has let the pipe fill up, and is waited for. */
function acknowledge(line: string): void {
  for (;;) {
    try {
      writeSync(1, line);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

await Promise.all(Array.from({ length: 20 }, (_, lane) => work(lane)));
