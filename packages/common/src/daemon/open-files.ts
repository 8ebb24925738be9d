/**
 * How many files the system lets this process have open. Node raises the soft limit to the hard one as it starts, so what is
 * read here is the hard one.
 */
import { readFileSync } from "node:fs";

/** Descriptors of a POP3 session: its connection, its mailbox, its session lock. */
const POP3_SESSION = 3;
/** Descriptors of the process itself: log, indexes, DRAC table, ports, up to eight threads, and what a login opens for a moment. */
const OWN = 120;

/** The limit; undefined where the system does not tell (no /proc), infinite where there is none. */
export function openFilesLimit(): number | undefined {
  try {
    const found = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
    if (found === undefined) return undefined;
    return found === "unlimited" ? Number.POSITIVE_INFINITY : Number(found);
  } catch {
    return undefined;
  }
}

/**
 * Says what to do when so many POP3 sessions need more open files than the limit allows.
 *
 * @param limit as {@link openFilesLimit} has it
 */
export function openFilesFault(maxConnections: number, limit: number | undefined): string | undefined {
  const needed = POP3_SESSION * maxConnections + OWN;
  if (limit === undefined || needed <= limit) return undefined;
  return `pop3.maxConnections: ${maxConnections} sessions need ${needed} open files and the system allows ${limit}: raise the limit (LimitNOFILE in systemd, ulimit -Hn in a shell, nofile in limits.conf) or lower the setting`;
}
