/**
 * The log lines of a session, in Qpopper's form, which log analysers know. Names are not looked up: the host's name
 * is its address, as with popper -R.
 */
import type { Client } from "../connection/client.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import type { Services } from "../services.ts";

/** Analysers expect a version in front. */
const VERSION = "(v0.1.0)";

interface Where {
  readonly services: Services;
  readonly client: Client;
}

/** Somebody logged in. */
export function logLogin({ services, client: { ip } }: Where, user: string): void {
  services.log.write("info", `${VERSION} POP login by user "${user}" at (${ip}) ${ip}`);
}

/** Somebody failed to. */
export function logFailedLogin({ services, client: { ip } }: Where, user: string): void {
  services.log.write("warn", `[AUTH] Failed attempted login to ${user} from host (${ip}) ${ip}`);
}

/**
 * The `Stats:` line of a session that had a mailbox, when the settings want it.
 *
 * @param applied whether what was marked as deleted is gone
 */
export function logStats(
  { services, client: { ip } }: Where,
  user: string,
  drop: Maildrop,
  applied: boolean,
): void {
  if (!services.settings().pop3.stats) return;
  const { deletedCount, deletedOctets, count, octets } = drop;
  const figures = applied
    ? [deletedCount, deletedOctets, count, octets]
    : [0, 0, count + deletedCount, octets + deletedOctets];
  services.log.write("info", `Stats: ${user} ${figures.join(" ")} ${ip} ${ip}`);
}

/** A session with a mailbox ended without QUIT. */
export function logDropped({ services, client: { ip } }: Where, user: string): void {
  services.log.write("info", `${user} at ${ip} (${ip}): -ERR POP EOF or I/O Error`);
}

/** A session was idle for too long. */
export function logTimeout({ services, client: { ip } }: Where, user: string): void {
  const seconds = Math.round(services.settings().pop3.timeout / 1000);
  services.log.write(
    "info",
    `${VERSION} Timeout (${seconds} secs) during nw read from ${user} at ${ip} (${ip})`,
  );
}
