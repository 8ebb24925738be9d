/**
 * Whose acceptance journal it is: one process at a time writes it or takes it in. It holds a kernel lock on the file `owner`, which the
 * system frees when the process ends, and which counts in every container that sees the file.
 */
import { closeSync, constants, openSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "@mailhost/common/errors";
import { tryKernelLock } from "@mailhost/common/mbox/kernel-lock";

/**
 * Makes this process the owner.
 *
 * @returns gives it up; undefined while another process, or another opening of the queue in this one, has it
 * @throws when the file cannot be made or locked
 */
export function takeJournal(dir: string): (() => void) | undefined {
  const fd = openSync(ownerPath(dir), constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    if (tryKernelLock(fd)) return () => closeSync(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

/** True while somebody has the journal. */
export function isJournalTaken(dir: string): boolean {
  try {
    const leave = takeJournal(dir);
    leave?.();
    return leave === undefined;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return false;
    throw error;
  }
}

function ownerPath(dir: string): string {
  return join(dir, "owner");
}
