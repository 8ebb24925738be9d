/**
 * popper under inetd, tcpserver, xinetd, a systemd socket with Accept=yes, or ssh: one session on what it was given.
 */
import { Duplex } from "node:stream";
import { ownPasswordHelper } from "@mailhost/common/accounts/password-helper-process";
import { systemClock } from "@mailhost/common/clock";
import { becomeIdentity, wantedIdentity } from "@mailhost/common/daemon/identity";
import { openCommandLog } from "@mailhost/common/log/command-log";
import type { Log } from "@mailhost/common/log/log";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_OK } from "@mailhost/common/sysexits";
import { openServer } from "../daemon.ts";
import type { PortKind } from "../listener.ts";
import { readCertificates } from "./certificates.ts";
import type { Given } from "./descriptor.ts";
import { makePopperFolders } from "./folders.ts";

/**
 * Serves the session to its end. SIGTERM and SIGHUP end it without an update (Qpopper's hangup).
 *
 * @returns the exit code
 */
export async function serveOne(
  givenSite: Site,
  settings: Settings,
  given: Extract<Given, { kind: "connection" | "streams" }>,
  kind: PortKind,
): Promise<number> {
  const identity = wantedIdentity(givenSite, settings.run, process.getuid?.() ?? 0);
  makePopperFolders(givenSite, settings, identity);
  const certificates = readCertificates(givenSite, settings);
  const { format, level } = settings.log;
  // The log must not be root's: what the helper says goes there once it is open.
  let log: Log | undefined;
  const passwords = await ownPasswordHelper({
    site: givenSite,
    settings,
    identity,
    clock: systemClock,
    log: { write: (at, text) => log?.write(at, text), close: () => Promise.resolve() },
    execArgv: process.execArgv,
  });
  if (identity !== undefined) becomeIdentity(identity);
  const site = placeMailboxes(passwords.site, settings);
  log = openCommandLog({ file: site.logFile, tag: "popper", format, level });
  const server = openServer({ site, settings, certificates, log, clock: systemClock, oneSession: true });
  const end = () => server.listener.cut();
  process
    .on("SIGTERM", end)
    .on("SIGHUP", end)
    .on("SIGXFSZ", () => undefined);
  try {
    if (given.kind === "connection" && given.socket.remoteAddress !== undefined)
      await server.listener.serve(given.socket, kind);
    else {
      const stream =
        given.kind === "connection"
          ? given.socket
          : Duplex.from({ readable: process.stdin, writable: process.stdout });
      await server.listener.serveLocally(stream, kind);
    }
  } finally {
    await server.stop(0);
    passwords.helper?.stop();
    await log.close();
  }
  return EX_OK;
}
