/**
 * One host a root: the locks that a start takes before it touches anything.
 *
 * `run/mailhost.pid` belongs to the launcher alone: who has it is the host. `run/mta.pid` and `run/pop3.pid` are shared
 * with the daemons, so that daemons whose launcher was killed keep them until their last session is over; a new start
 * waits for that, because two mtas on one queue would send a message twice.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Clock, delay } from "@mailhost/common/clock";
import { lockPidFile, type PidFile } from "@mailhost/common/daemon/pid-file";
import { ORPHAN_LIMIT } from "@mailhost/common/daemon/stop-times";
import { UserError } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { EX_UNAVAILABLE } from "@mailhost/common/sysexits";
import { exitCodeOf, reasonOf } from "./folders.ts";

const POLL = 50;

/** Time for a killed process to be gone (ms). */
const KILL_LIMIT = 2000;

/**
 * Takes the lock of the launcher.
 *
 * @throws UserError when a launcher runs on this root
 */
export function lockInstance(site: Site): PidFile {
  const path = join(site.runDir, "mailhost.pid");
  const lock = tryPidFile(path);
  if ("heldBy" in lock) {
    const who = lock.heldBy === undefined ? "" : ` (process ${lock.heldBy})`;
    throw new UserError(
      `mailhost is already running on ${site.root}${who}; ${path} is locked`,
      EX_UNAVAILABLE,
    );
  }
  lock.write(process.pid);
  return lock;
}

/**
 * Takes the lock of a daemon, waiting for one that an earlier launcher left: its sessions may finish, then it is
 * killed.
 *
 * @throws UserError when it is still there after that
 */
export async function lockDaemon(
  site: Site,
  name: string,
  parts: { clock: Clock; log: Log },
): Promise<PidFile> {
  const path = join(site.runDir, `${name}.pid`);
  const started = parts.clock.now();
  let saidSo = false;
  let killed = false;
  for (;;) {
    const lock = tryPidFile(path);
    if (!("heldBy" in lock)) return lock;
    const waited = parts.clock.now() - started;
    const who = `${name} of an earlier start (process ${lock.heldBy ?? "unknown"})`;
    if (!saidSo) parts.log.write("info", `waiting for ${who} to finish its sessions`);
    saidSo = true;
    if (waited >= ORPHAN_LIMIT && !killed && lock.heldBy !== undefined && isOurs(lock.heldBy)) {
      killed = true;
      parts.log.write("warn", `${who} did not finish in time; killed`);
      process.kill(lock.heldBy, "SIGKILL");
    }
    if (waited >= ORPHAN_LIMIT + KILL_LIMIT) {
      throw new UserError(
        `${who} is still running and holds ${path}; end it and start again`,
        EX_UNAVAILABLE,
      );
    }
    await delayReferenced(parts.clock);
  }
}

/** A wait that keeps the process alive: nothing else is there yet to do so. */
async function delayReferenced(clock: Clock): Promise<void> {
  const keep = setInterval(() => undefined, 1000);
  try {
    await delay(clock, POLL);
  } finally {
    clearInterval(keep);
  }
}

function tryPidFile(path: string): ReturnType<typeof lockPidFile> {
  try {
    return lockPidFile(path);
  } catch (error) {
    throw new UserError(`cannot make ${path}: ${reasonOf(error)}`, exitCodeOf(error));
  }
}

/** A number is used again some day: only a process that calls itself ours is killed. */
function isOurs(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("mailhost: ");
  } catch {
    return false;
  }
}
