/**
 * The way of a message whose submitter may write the queue: root, and the user that the daemon runs as.
 */
import type { Clock } from "@mailhost/common/clock";
import { NO_LOG, openCommandLog } from "@mailhost/common/log/command-log";
import type { Log } from "@mailhost/common/log/log";
import { rememberedSettings } from "@mailhost/common/settings/remembered";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { countingLog, openStatistics } from "../log/statistics.ts";
import { openQueue } from "../queue/open-queue.ts";
import { acceptSubmission, type Submission, type Submitted } from "./accept-submission.ts";

/** What one run changes of the settings. */
export interface RunLimits {
  readonly maxMessageSize?: number;
  readonly maxHops?: number;
  readonly logLevel?: number;
  readonly logTag?: string;
}

/** Queues a message. Resolves when it is on stable storage. */
export async function storeInQueue(
  site: Site,
  submission: Submission,
  limits: RunLimits,
  clock: Clock,
): Promise<Submitted> {
  const settings = limited(await rememberedSettings(site), limits);
  const plain = logOf(site, settings, limits.logTag ?? "sendmail");
  const { statistics: file } = settings.log;
  // A daemon that starts meanwhile adds to the same file.
  const statistics = file === "" ? undefined : openStatistics(sitePath(site, file), { clock, log: plain });
  const log = statistics === undefined ? plain : countingLog(plain, statistics);
  const tables = openSiteTables(site, { log, settings });
  const queue = await openQueue(site, { clock, log });
  try {
    return await acceptSubmission(
      { book: { site, settings, tables }, store: queue.store, log, clock },
      submission,
    );
  } finally {
    await queue.store.close();
    await tables.close();
    await statistics?.close();
    await log.close();
  }
}

/** The settings of a run: limits may be lowered by it and not raised. */
function limited(settings: Settings, { maxMessageSize, maxHops, logLevel }: RunLimits): Settings {
  const { smtp, log } = settings;
  return {
    ...settings,
    smtp: {
      ...smtp,
      maxMessageSize: Math.min(smtp.maxMessageSize, maxMessageSize ?? Number.POSITIVE_INFINITY),
      maxHops: Math.min(smtp.maxHops, maxHops ?? Number.POSITIVE_INFINITY),
    },
    log: { ...log, level: logLevel ?? log.level },
  };
}

/** The host's log; a user who may not write there can send all the same. */
function logOf(site: Site, { log }: Settings, tag: string): Log {
  try {
    return openCommandLog({ file: site.logFile, tag, format: log.format, level: log.level });
  } catch {
    return NO_LOG;
  }
}
