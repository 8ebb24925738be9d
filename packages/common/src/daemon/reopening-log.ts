/**
 * A log that can be opened anew under the hands of its users: after a reload, when the format or level may have
 * changed, and when logrotate has moved the old file away.
 */
import type { Clock } from "../clock.ts";
import { type Log, openLog } from "../log/log.ts";
import type { Settings } from "../settings/settings.ts";
import type { Site } from "../site.ts";

/** A {@link Log} whose file can be changed while it is in use. */
export interface ReopeningLog extends Log {
  /** Opens the log file anew, by the format and level of these settings. Lines written before go to the old file. */
  reopen(settings: Settings): void;
}

/** Opens the log of a site. */
export function openReopeningLog(site: Site, tag: string, settings: Settings, clock?: Clock): ReopeningLog {
  const open = (s: Settings) =>
    openLog({
      file: site.logFile,
      tag,
      format: s.log.format,
      level: s.log.level,
      ...(clock === undefined ? {} : { clock }),
    });
  let current = open(settings);
  let closing: Promise<unknown> = Promise.resolve();
  return {
    get verbosity() {
      return current.verbosity ?? 9;
    },
    write: (level, text) => current.write(level, text),
    reopen(next) {
      const old = current;
      current = open(next);
      closing = Promise.all([closing, old.close()]);
    },
    async close() {
      await Promise.all([closing, current.close()]);
    },
  };
}
