/**
 * Whose acceptance journal it is: one process at a time writes it or takes it in. A process is known by its number, the time
 * at which it began, and the boot of the machine: a number alone comes again, in a container after each start.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "@mailhost/common/errors";
import type { RootDatabase } from "lmdb";

/** The file's name in the journal's folder. */
const OWNER = "owner";

/**
 * Makes this process the owner. The queue's writer lock, which the system frees when its holder dies, keeps two from
 * doing so at once.
 *
 * @returns false while a living process is
 */
export function takeJournal(dir: string, root: RootDatabase): boolean {
  return root.transactionSync(() => {
    if (isJournalTaken(dir)) return false;
    const self = identityOf(process.pid);
    const path = join(dir, OWNER);
    writeFileSync(`${path}.new`, self, { mode: 0o644 });
    renameSync(`${path}.new`, path);
    return true;
  });
}

/** True while another living process has the journal. */
export function isJournalTaken(dir: string): boolean {
  const owner = ownerOf(dir);
  return owner !== undefined && owner !== identityOf(process.pid) && isSameProcess(owner);
}

/** Gives it up. */
export function leaveJournal(dir: string): void {
  rmSync(join(dir, OWNER), { force: true });
}

function ownerOf(dir: string): string | undefined {
  try {
    return readFileSync(join(dir, OWNER), "latin1");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

function isSameProcess(identity: string): boolean {
  const pid = Number(identity.slice(0, identity.indexOf(" ")));
  return identity === identityOf(pid);
}

/** `PID START BOOT`; the last two are unknown where there is no /proc. */
function identityOf(pid: number): string {
  return `${pid} ${startOf(pid)} ${bootOf()}`;
}

/** Clock ticks between boot and the start of the process (proc_pid_stat(5), fields 3 and 22); `-` for none. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name of the program, in brackets, may hold blanks.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // One that has ended and that nobody has asked for does nothing any more.
    return fields[0] === "Z" || fields[0] === "X" ? "-" : (fields[19] ?? "-");
  } catch {
    return pid === process.pid ? "?" : "-";
  }
}

function bootOf(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    return "?";
  }
}
