/**
 * Sendmail's lines about TLS, which log analysers know, and the bound on the time of a handshake behind STARTTLS.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { askForCertificate } from "@mailhost/common/tls/served-certificates";
import { HANDSHAKE_LIMIT, handshakeFault } from "@mailhost/common/tls/server-handshake";
import { tlsFacts } from "@mailhost/common/tls/tls-facts";
import { isLogged } from "../log/message-log.ts";
import type { SmtpSession } from "./smtp-session.ts";

/** A session is encrypted from now on; the line comes when the client's name is known. */
export function logEncrypted(session: SmtpSession, socket: TLSSocket): void {
  const { log } = session.inbound;
  if (!isLogged(log, 9)) return;
  const { version, cipher, bits } = tlsFacts(socket);
  const agreed = `version=${version}, verify=NO, cipher=${cipher}, bits=${bits}/${bits}`;
  session.waitForName().then(
    () => log.write("info", `STARTTLS=server, relay=${session.relayText}, ${agreed}`),
    (error: unknown) => log.write("error", `session with ${session.relayText}: ${messageOf(error)}`),
  );
}

/** A handshake failed. */
export function logFailedHandshake(log: Log, relay: string, reason: string): void {
  log.write("info", `STARTTLS=server, error: accept failed=-1, reason=${reason}, relay=${relay}`);
}

/** Follows the handshake behind STARTTLS: it is ended when it takes too long, and what became of it is logged once. */
export function watchHandshake(session: SmtpSession, socket: Socket): void {
  askForCertificate(socket as TLSSocket, session.listener.secureContext.get("*"));
  const { log, clock } = session.inbound;
  const late = clock.after(HANDSHAKE_LIMIT, () => {
    over(`no handshake within ${HANDSHAKE_LIMIT / 1000} s`);
    socket.destroy();
  });
  let said = false;
  const over = (reason: string | undefined) => {
    late.cancel();
    if (said) return;
    said = true;
    if (reason === undefined) logEncrypted(session, socket as TLSSocket);
    else logFailedHandshake(log, session.relayText, reason);
  };
  const failed = (error: Error) => over(handshakeFault(error));
  socket.once("secure", () => over(undefined));
  socket.once("_tlsError", failed).once("error", failed);
  socket.once("close", () => over("the client hung up"));
}
