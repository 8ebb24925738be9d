/**
 * `hoststat` (`sendmail -bh`) and `purgestat` (`sendmail -bH`): what is known of other hosts, in Sendmail's layout.
 */
import { statSync } from "node:fs";
import { systemClock } from "@mailhost/common/clock";
import { becomeQueueOwner } from "@mailhost/common/daemon/identity";
import { UserError } from "@mailhost/common/errors";
import { NO_LOG } from "@mailhost/common/log/command-log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Site } from "@mailhost/common/site";
import { EX_NOPERM, EX_OK } from "@mailhost/common/sysexits";
import { openHostStatus, type WaitingHost } from "../deliver/host-status.ts";
import { interval } from "../log/message-log.ts";
import { openQueue } from "../queue/open-queue.ts";
import { viewHosts } from "./queue-view.ts";
import type { SendmailFlags } from "./sendmail-flags.ts";

const HEADING = " -------------- Hostname --------------- How long ago ---------Results---------";

/** Prints a line for each host that did not answer. @returns the exit code */
export function printHostStatus(
  site: Site,
  { verbose, json }: Pick<SendmailFlags, "verbose" | "json">,
  out: (line: string) => void,
): Promise<number> {
  return viewHosts(site, (db) => {
    const { queue } = loadSettings(site);
    const hosts =
      db === undefined ? [] : openHostStatus(db, { interval: queue.interval, clock: systemClock }).list();
    if (json) {
      for (const host of hosts) out(JSON.stringify(host));
      return EX_OK;
    }
    if (hosts.length > 0) out(HEADING);
    for (const host of hosts) {
      for (const line of hostLines(host, queue.interval, systemClock.now(), verbose)) out(line);
    }
    return EX_OK;
  });
}

/**
 * A line for each host of a destination: its name, when the destination was last called, what it said (cut at 25 letters
 * unless -v).
 */
export function hostLines(host: WaitingHost, intervalMs: number, now: number, verbose: boolean): string[] {
  const { key, failures, until, reply } = host;
  const wait = Math.min(intervalMs * 2 ** Math.min(failures - 1, 30), 16 * intervalMs);
  const ago = interval(now - (until - wait));
  const result = `Deferred: ${reply.text}`.replace(/\p{Cc}/gu, "?");
  return namesIn(key).map(
    (name) => ` ${name.padEnd(39)} ${ago.padStart(12)} ${verbose ? result : result.slice(0, 25)}`,
  );
}

/** The hosts in a destination's key, `10 mail.example.com:25, 20 [192.0.2.1]:2525`, as Sendmail names them. */
function namesIn(key: string): string[] {
  return key.split(", ").map((part) =>
    part
      .replace(/^\d+ /, "")
      .replace(/:25$/, "")
      .replace(/^\[(.*)\]$/, "$1"),
  );
}

/** Forgets every host: each is called again when a message is due. @returns the exit code */
export async function purgeHostStatus(site: Site): Promise<number> {
  if (process.getuid?.() !== 0 && !ownsQueue(site))
    throw new UserError("Program mode requires special privileges, e.g., root or TrustedUser.", EX_NOPERM);
  becomeQueueOwner(site);
  const { store, hosts } = await openQueue(site, { clock: systemClock, log: NO_LOG });
  try {
    const keys = [...hosts.getKeys()];
    for (const key of keys) await hosts.remove(key);
    return EX_OK;
  } finally {
    await store.close();
  }
}

function ownsQueue(site: Site): boolean {
  return statSync(site.queueDir, { throwIfNoEntry: false })?.uid === process.getuid?.();
}
