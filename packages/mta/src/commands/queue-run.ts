/**
 * `sendmail -q…` and `sendmail -Q…`: attempts for the queue or a part of it, now; quarantine, and out of it.
 */
import { systemClock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { becomeQueueOwner } from "@mailhost/common/daemon/identity";
import { UserError } from "@mailhost/common/errors";
import { NO_LOG, openCommandLog } from "@mailhost/common/log/command-log";
import type { Log } from "@mailhost/common/log/log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Site } from "@mailhost/common/site";
import { EX_NOPERM, EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE, EX_USAGE } from "@mailhost/common/sysexits";
import { logQuarantined, logUnquarantined } from "../log/message-log.ts";
import { isSelected, type QueueSelection } from "../queue/selection.ts";
import { mayNot } from "./queue-permission.ts";
import { changeQueue, viewQueue } from "./queue-view.ts";
import type { HostStarter, SendmailStreams } from "./sendmail.ts";
import type { SendmailFlags } from "./sendmail-flags.ts";
import { mayWriteQueue } from "./sendmail-submit.ts";

/** Does it. @returns the exit code */
export async function runQueue(
  site: Site,
  flags: SendmailFlags,
  streams: SendmailStreams,
  starter?: HostStarter,
): Promise<number> {
  const { queue, quarantine } = flags;
  if (mayNot("restrictqrun", site, loadSettings(site)))
    throw new UserError("You do not have permission to process the queue", EX_NOPERM);
  if (quarantine !== undefined) return setQuarantine(site, flags, streams);
  if (queue.lost || queue.quarantined) {
    // Nothing is lost here, and what is in quarantine is not tried.
    streams.stderr("nothing to run: -qQ and -qL go with -bp, or with -Q");
    return EX_USAGE;
  }
  const selection: QueueSelection = { conditions: queue.conditions };
  const all = queue.conditions.length === 0;
  const more = all ? {} : { selection };
  if (flags.verbose) await showSelected(site, selection, streams);
  const answer = await sendControl(site, "run-queue", undefined, more);
  if (answer?.ok === true) return EX_OK;
  // Sendmail's command runs the queue itself. A socket that we may not open has a daemon behind it.
  if (answer === undefined && starter !== undefined && mayWriteQueue(site)) {
    const { runQueueAlone } = await import("./queue-run-alone.ts");
    return runQueueAlone(site, selection, starter, systemClock);
  }
  streams.stderr(answer?.error ?? "no daemon is running; start it with `mailhost start`");
  return answer === undefined ? EX_UNAVAILABLE : EX_TEMPFAIL;
}

/** -v: what the run is for, in Sendmail's words. */
async function showSelected(site: Site, selection: QueueSelection, streams: SendmailStreams): Promise<void> {
  await viewQueue(site, (store) => {
    const ids: string[] = [];
    for (const entry of store?.list() ?? []) if (isSelected(entry, selection)) ids.push(entry.id);
    for (const [n, id] of ids.entries())
      streams.stdout(`Running ${site.queueDir}/${id} (sequence ${n + 1} of ${ids.length})`);
  });
}

/** -QREASON puts the selected messages into quarantine, -Q takes those out that are in it. */
async function setQuarantine(site: Site, flags: SendmailFlags, { stderr }: SendmailStreams): Promise<number> {
  const { queue, quarantine: reason = "" } = flags;
  const selection: QueueSelection = { conditions: queue.conditions };
  becomeQueueOwner(site);
  const log = logOf(site);
  const changed = await changeQueue(site, NO_LOG, async (store) => {
    const ids: string[] = [];
    for (const entry of store.list()) {
      const inIt = entry.quarantine !== undefined;
      if (inIt === (reason === "" || queue.quarantined) && isSelected(entry, selection)) ids.push(entry.id);
    }
    for (const id of ids) {
      if (reason === "") {
        if (await store.release(id, systemClock.now())) logUnquarantined(log, id);
      } else if (await store.quarantine(id, reason)) logQuarantined(log, id, reason);
    }
    return ids.length;
  });
  await log.close();
  if (reason === "" && changed > 0) await sendControl(site, "wake");
  if (flags.verbose) stderr(`${changed} message${changed === 1 ? "" : "s"}`);
  return EX_OK;
}

/** The host's log, where the caller may write it. */
function logOf(site: Site): Log {
  const { log } = loadSettings(site);
  try {
    return openCommandLog({ file: site.logFile, tag: "sendmail", format: log.format, level: log.level });
  } catch {
    return NO_LOG;
  }
}
