/**
 * The lines of a POP3 session in the log, one function an event, in Qpopper's words so that its analysers read them.
 */
import type { Log } from "@mailhost/common/log/log";

/** Qpopper's lines begin with its version; analysers look for the shape. */
const VERSION = "(v4.0.3)";

/** Who is meant. */
export interface LoggedClient {
  /** Name of the client; its address when it has none. */
  readonly host: string;
  readonly ip: string;
}

/** A login that succeeded. */
export function logLogin(log: Log, user: string, { host, ip }: LoggedClient): void {
  log.write("info", `${VERSION} POP login by user "${user}" at (${host}) ${ip}`);
}

/** A wrong password, or a name that is nobody's. */
export function logFailedLogin(log: Log, user: string, { host, ip }: LoggedClient): void {
  log.write("warn", `[AUTH] Failed attempted login to ${user} from host (${host}) ${ip}`);
}

/** The address may relay from now on. */
export function logDrac(log: Log, user: string, { host, ip }: LoggedClient): void {
  log.write("info", `[drac]: login by ${user} from host ${host} (${ip})`);
}

/** What a session did, at its end (popper -s). */
export interface SessionStats {
  readonly deleted: number;
  readonly deletedOctets: number;
  readonly left: number;
  readonly leftOctets: number;
}

/** `Stats: USER deleted deleted_bytes left left_bytes HOST IP`. */
export function logStats(log: Log, user: string, stats: SessionStats, { host, ip }: LoggedClient): void {
  const { deleted, deletedOctets, left, leftOctets } = stats;
  log.write("info", `Stats: ${user} ${deleted} ${deletedOctets} ${left} ${leftOctets} ${host} ${ip}`);
}

/** The client was silent for too long. */
export function logTimeout(log: Log, user: string, seconds: number, { host, ip }: LoggedClient): void {
  log.write("info", `${VERSION} Timeout (${seconds} secs) during nw read from ${user} at ${host} (${ip})`);
}

/** The client went away without QUIT. */
export function logHangup(log: Log, user: string, { host, ip }: LoggedClient): void {
  log.write("info", `${VERSION} POP hangup from ${user} at ${host} (${ip})`);
}

/** A mailbox could not be opened, read or updated. */
export function logMailboxFault(log: Log, user: string, doing: string, reason: string): void {
  log.write("error", `${user}: mailbox can not be ${doing}: ${reason}`);
}
