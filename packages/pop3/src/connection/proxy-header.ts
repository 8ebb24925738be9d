/**
 * The PROXY header, version 1: a forwarder's first line that names the client it speaks for, in the form
 * `PROXY TCP4 CLIENT OUR-ADDRESS CLIENT-PORT OUR-PORT` (the PROXY protocol, section 2.1).
 *
 * It is read from forwarders named in the settings only. Such a peer that sends something else is not served: taking
 * its address for the client's would mix up all clients behind it.
 */

import type { Socket } from "node:net";
import { isIP } from "node:net";
import type { Clock } from "@mailhost/common/clock";

/** What a header says: the client's address, or that the forwarder does not know it. */
export type ProxiedClient = { readonly kind: "known"; readonly ip: string } | { readonly kind: "unknown" };

/** Octets of the longest header, CR LF included. */
const LONGEST = 107;
/** How long a forwarder may take, ms. */
const PATIENCE = 10_000;

/** Parses a header without its line end; undefined when it is none. */
export function parseProxyHeader(line: string): ProxiedClient | undefined {
  const [word, family, source, target, ...ports] = line.split(" ");
  if (word !== "PROXY") return undefined;
  if (family === "UNKNOWN") return { kind: "unknown" };
  const version = family === "TCP4" ? 4 : family === "TCP6" ? 6 : undefined;
  if (version === undefined || isIP(source ?? "") !== version || isIP(target ?? "") !== version)
    return undefined;
  if (ports.length !== 2 || !ports.every((port) => /^\d{1,5}$/.test(port))) return undefined;
  return { kind: "known", ip: source! };
}

/**
 * Reads the header off a fresh connection and leaves what follows it to be read.
 *
 * @returns undefined when the peer sent something else, was too slow, or went away
 */
export function readProxyHeader(socket: Socket, clock: Clock): Promise<ProxiedClient | undefined> {
  return new Promise((resolve) => {
    let seen: Buffer = Buffer.alloc(0);
    const finish = (client: ProxiedClient | undefined) => {
      timer.cancel();
      socket.off("readable", look);
      socket.off("close", giveUp);
      socket.off("end", giveUp);
      resolve(client);
    };
    const giveUp = () => finish(undefined);
    const look = () => {
      for (;;) {
        const chunk = socket.read() as Buffer | null;
        if (chunk === null) return;
        seen = Buffer.concat([seen, chunk]);
        const end = seen.indexOf("\r\n");
        if (end < 0 && seen.length < LONGEST) continue;
        if (end < 0 || end + 2 > LONGEST) return giveUp();
        const rest = seen.subarray(end + 2);
        const client = parseProxyHeader(seen.toString("latin1", 0, end));
        finish(client);
        if (rest.length > 0) socket.unshift(rest);
        return;
      }
    };
    const timer = clock.after(PATIENCE, giveUp);
    socket.on("close", giveUp);
    socket.on("end", giveUp);
    socket.on("readable", look);
  });
}
