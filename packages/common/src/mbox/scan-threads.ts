/**
 * Large mailboxes are scanned in parts, side by side, by threads of their own: a first login takes half as long on two processors, and
 * nobody else waits meanwhile.
 *
 * The threads are started for the first such mailbox and end when none has been opened for some seconds. Several mailboxes take turns.
 */
import { availableParallelism } from "node:os";
import { JobThreads } from "../daemon/job-threads.ts";
import { startThread } from "../daemon/start-thread.ts";
import { type FoundColumns, FoundMessages } from "./found-messages.ts";
import type { ScanOrder } from "./scan.ts";
import type { ScanPart } from "./scan-part.ts";

/** Bytes of one part. */
const PART = 32 * 1024 * 1024;
/** As many threads as processors, up to so many: beyond that the memory is the limit. */
const MOST = Math.min(4, availableParallelism());

/** The threads hold one part's columns: a young generation of 4 MiB does. */
const resourceLimits = { maxYoungGenerationSizeMb: 6 } as const;

const threads = new JobThreads<ScanPart, FoundColumns>({
  start: () => startThread("./scan-thread", import.meta.url, { resourceLimits }),
  most: MOST,
  idle: 10_000,
});

/** Whether threads are worth it: with one processor they would only take turns. */
export const HAS_THREADS: boolean = MOST > 1;

/**
 * Scans as `scanAll` does. The file stays open until all threads have done with it.
 *
 * @param part bytes of one part, for tests
 * @throws errors of the system
 */
export async function scanInThreads(
  { file, from, to, atStart, tuning: { fromLine, oldStyleIds = false, block } }: ScanOrder,
  part: number = PART,
): Promise<FoundMessages> {
  const found: FoundColumns[] = [];
  let next = 0;
  let failed = false;
  /** One part after the other, so that no more are asked for at once than there are threads. */
  const parts = async () => {
    for (let start = from + next * part; start < to && !failed; start = from + next * part) {
      const place = next++;
      const asked = {
        ...{ fd: file.fd, from: start, until: Math.min(start + part, to), to, fromLine, oldStyleIds },
        ...{ atStart: place === 0 && atStart, ...(block === undefined ? {} : { block }) },
      };
      found[place] = await threads.run(asked);
    }
  };
  const lane = () =>
    parts().catch((error: unknown) => {
      failed = true;
      throw error;
    });
  const lanes = await Promise.allSettled(Array.from({ length: MOST }, lane));
  for (const result of lanes) if (result.status === "rejected") throw result.reason;
  return FoundMessages.of(found);
}
