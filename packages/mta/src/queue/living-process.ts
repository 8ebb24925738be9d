/**
 * Whether the process that a queue file or an id names is still there.
 */
import { errnoOf } from "@mailhost/common/errors";

/** Ids carry the number of their process modulo this; a kernel's numbers go up to {@link MOST_PROCESSES}. */
const ID_MODULUS = 1_000_000;
/** PID_MAX_LIMIT of Linux. */
const MOST_PROCESSES = 4_194_304;

/** True for a process that lives, whoever owns it. */
export function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === "EPERM";
  }
}

/**
 * True when the process that drew an id may be at work on it: another one with its number lives. This process is none: at
 * the time that it looks, it has drawn no id yet.
 */
export function writerLives(id: string): boolean {
  for (let pid = Number(id.slice(-6)); pid <= MOST_PROCESSES; pid += ID_MODULUS) {
    if (pid !== process.pid && isAlive(pid)) return true;
  }
  return false;
}
