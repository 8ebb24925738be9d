/**
 * `sendmail -q` where no daemon runs: the host is started without ports for one run of the queue, and ended when everything
 * has been tried. What came for the drop folder goes along.
 */
import { type Clock, delay } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import type { Site } from "@mailhost/common/site";
import { EX_OK } from "@mailhost/common/sysexits";
import { isKeptBack } from "../queue/queue-entry.ts";
import { isSelected, type QueueSelection } from "../queue/selection.ts";
import { viewQueue } from "./queue-view.ts";
import type { HostStarter } from "./sendmail.ts";

/** How often the queue is looked at (ms). */
const LOOK = 250;
/** What is not begun for so long will not be: the machine is too busy, or the file system full (ms). */
const PATIENCE = 10_000;

/** Runs the queue once. @returns the exit code of the start, or 0 */
export async function runQueueAlone(
  site: Site,
  selection: QueueSelection,
  starter: HostStarter,
  clock: Clock,
): Promise<number> {
  const begun = clock.now();
  const code = await starter.start(site, { how: "background", queueOnly: true });
  if (code !== EX_OK) return code;
  // Waiting alone keeps no process.
  const alive = setInterval(() => undefined, 1 << 30);
  try {
    await runToTheEnd(site, selection, begun, clock);
  } finally {
    clearInterval(alive);
  }
  return EX_OK;
}

async function runToTheEnd(
  site: Site,
  selection: QueueSelection,
  begun: number,
  clock: Clock,
): Promise<void> {
  const status = await sendControl(site, "status");
  await sendControl(site, "run-queue", undefined, selection.conditions.length === 0 ? {} : { selection });
  let least = Number.POSITIVE_INFINITY;
  let since = begun;
  for (;;) {
    await delay(clock, LOOK);
    const underWay = await idsUnderWay(site);
    if (underWay === undefined) return;
    const waiting = await untried(site, selection, begun);
    const now = clock.now();
    if (waiting < least || underWay > 0) since = now;
    least = Math.min(least, waiting);
    if (underWay === 0 && (waiting === 0 || now - since > PATIENCE)) break;
  }
  if (typeof status?.pid === "number") process.kill(status.pid, "SIGTERM");
  // Whoever starts the host next finds its ports and locks free.
  while ((await idsUnderWay(site)) !== undefined) await delay(clock, LOOK);
}

/** How many messages are being delivered; undefined when the host has gone. */
async function idsUnderWay(site: Site): Promise<number | undefined> {
  const answer = await sendControl(site, "under-way").catch(() => undefined);
  return answer === undefined ? undefined : Array.isArray(answer.ids) ? answer.ids.length : 0;
}

/** How many of the selected messages have not been tried since the run began. */
function untried(site: Site, selection: QueueSelection, begun: number): Promise<number> {
  return viewQueue(site, (store) => {
    let count = 0;
    for (const entry of store?.list() ?? []) {
      const isDue = !isKeptBack(entry) && entry.lastAttemptAt < begun;
      if (isDue && isSelected(entry, selection)) count += 1;
    }
    return count;
  });
}
