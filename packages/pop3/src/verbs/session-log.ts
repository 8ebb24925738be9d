/**
 * The log lines of a session, in Qpopper's form, which log analysers know. HOST is the client's verified name where
 * pop3.reverseLookup is on and there is one, else its address, as with popper -R.
 */
import type { Handshake } from "@mailhost/common/tls/server-handshake";
import { tlsFacts } from "@mailhost/common/tls/tls-facts";
import { type Client, hostOf } from "../connection/client.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import type { Services } from "../services.ts";
import type { SessionOptions } from "./turn.ts";

/** Analysers expect a version in front. */
const VERSION = "0.1.0";

interface Where {
  readonly services: Services;
  readonly client: Client;
  readonly options: SessionOptions;
}

/** Somebody logged in; the line is `log-login`'s. */
export function logLogin({ services, client, options }: Where, user: string): void {
  const words = [VERSION, user, hostOf(client), client.ip];
  const line = options.logLogin.replace(/%([0-3])/g, (_, digit: string) => words[Number(digit)]!);
  services.log.write("info", line);
}

/** Somebody failed to; a mechanism other than USER and PASS is named behind Qpopper's words. */
export function logFailedLogin(
  { services, client }: Pick<Where, "services" | "client">,
  user: string,
  mechanism?: string,
): void {
  const by = mechanism === undefined ? "" : ` by ${mechanism}`;
  services.log.write(
    "warn",
    `[AUTH] Failed attempted login to ${user} from host (${hostOf(client)}) ${client.ip}${by}`,
  );
}

/** The proof was right, and the login was refused nevertheless. */
export function logRefusedLogin({ services }: Pick<Where, "services">, user: string, reason: string): void {
  services.log.write("warn", `[AUTH] "${user}": access denied: ${reason}`);
}

/** What became of a handshake, with Qpopper's words. */
export function logHandshake(
  { services, client }: Pick<Where, "services" | "client">,
  handshake: Handshake,
): void {
  const who = `${hostOf(client)} (${client.ip})`;
  if (handshake.kind === "failed") {
    services.log.write("info", `TLS/SSL Handshake failed: ${handshake.reason}; client at ${who}`);
    return;
  }
  const { version, cipher, bits } = tlsFacts(handshake.stream);
  const session = handshake.stream.isSessionReused() ? "reused" : "new";
  services.log.write(
    "info",
    `(v${VERSION}) ${version} handshake with client at ${who}; ${session} session-id; cipher: ${cipher} (${cipher}), ${bits} bits`,
  );
}

/** Somebody proved the knowledge of a secret. */
export function logApop({ services }: Pick<Where, "services">, user: string): void {
  services.log.write("info", `apop "${user}"`);
}

/**
 * The `Stats:` line of a session that had a mailbox, when the settings want it.
 *
 * @param applied whether what was marked as deleted is gone
 */
export function logStats(
  { services, client, options }: Where,
  user: string,
  drop: Pick<Maildrop, "deletedCount" | "deletedOctets" | "count" | "octets">,
  applied: boolean,
): void {
  if (!options.stats) return;
  const { deletedCount, deletedOctets, count, octets } = drop;
  const figures = applied
    ? [deletedCount, deletedOctets, count, octets]
    : [0, 0, count + deletedCount, octets + deletedOctets];
  services.log.write("info", `Stats: ${user} ${figures.join(" ")} ${hostOf(client)} ${client.ip}`);
}

/** How a session ended that had a mailbox and no QUIT. */
export type AbortCause = "left" | "timeout" | "hangup";

/** A session with a mailbox ended without QUIT. */
export function logDropped({ services, client }: Where, user: string, cause: AbortCause): void {
  const host = hostOf(client);
  const what = {
    left: "POP EOF or I/O Error",
    timeout: `POP timeout from ${host}`,
    hangup: `POP hangup from ${host}`,
  }[cause];
  services.log.write("info", `${user} at ${host} (${client.ip}): -ERR ${what}`);
}

/** A session was idle for too long. */
export function logTimeout({ services, client, options }: Where, user: string): void {
  const seconds = Math.round(options.timeout / 1000);
  services.log.write(
    "info",
    `(v${VERSION}) Timeout (${seconds} secs) during nw read from ${user} at ${hostOf(client)} (${client.ip})`,
  );
}

/** What the parts of a session took, ms. */
export interface SessionTimes {
  /** From the password or its like to the decision. */
  auth: number;
  /** Opening the mailbox. */
  init: number;
  /** QUIT, or giving the mailbox back. */
  clean: number;
}

/** The `Timing for` line, when the settings want it: whole seconds, as Qpopper has them. */
export function logTiming(
  { services, client, options }: Where,
  user: string,
  { auth, init, clean }: SessionTimes,
  how: "normal" | "error",
): void {
  if (!options.timing) return;
  const [a, i, c] = [auth, init, clean].map((ms) => Math.round(ms / 1000));
  services.log.write(
    "info",
    `(v${VERSION}) Timing for ${user}@${hostOf(client)} (${how}) auth=${a} init=${i} clean=${c}`,
  );
}
