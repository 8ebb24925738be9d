/**
 * One kind of SMTP port: smtp-server's listener, making {@link SmtpSession}s.
 */
import type { Socket } from "node:net";
import { messageOf } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import { counted } from "../log/statistics.ts";
import type { InboundParts } from "./inbound-parts.ts";
import { SmtpSession } from "./smtp-session.ts";

/** Port 25, 587 or 465. */
export type PortKind = "smtp" | "submission" | "smtps";

/** Certificate chain and key, PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** How long open sessions may go on after {@link SmtpListener.stop}. */
const STOP_GRACE = 30_000;

/** A listener; it listens on what it is given by {@link SmtpListener.open}. */
export class SmtpListener extends SMTPServer {
  readonly kind: PortKind;
  readonly inbound: InboundParts;
  /** STARTTLS is offered: there is a certificate, and the port does not speak TLS from the first octet. */
  offersTls: boolean;
  #full = false;
  /** No new transactions: the daemon stops. */
  draining = false;

  constructor(kind: PortKind, inbound: InboundParts, tls: TlsFiles | undefined) {
    super(libraryOptions(kind, inbound.settings(), tls));
    this.kind = kind;
    this.inbound = inbound;
    this.offersTls = tls !== undefined && kind !== "smtps";
    this.on("error", (error: Error) => {
      inbound.log.write("info", `${kind}: ${messageOf(error)}`);
    });
  }

  /** Starts to listen: on an inherited descriptor, or on a host and port. */
  open(where: { readonly fd: number } | { readonly host: string; readonly port: number }): Promise<void> {
    return new Promise((done, fail) => {
      this.server.once("error", fail);
      this.listen({ ...where, backlog: 511 }, () => {
        this.server.off("error", fail);
        done();
      });
    });
  }

  /** Takes over changed settings and certificate; sessions that are open keep what they have. */
  update(settings: Settings, tls: TlsFiles | undefined): void {
    Object.assign(this.options, libraryOptions(this.kind, settings, tls));
    this.offersTls = tls !== undefined && this.kind !== "smtps";
    if (tls !== undefined) this.updateSecureContext({ cert: tls.cert, key: tls.key });
  }

  /** All places are taken: said once in the log, until there was room again. */
  noteFull(most: number): void {
    if (!this.#full) {
      this.inbound.log.write("info", `rejecting connections on daemon MTA: ${most} children, max ${most}`);
    }
    this.#full = true;
  }

  /** A place was free. */
  noteRoom(): void {
    this.#full = false;
  }

  /** Stops listening and resolves when the last session is over; a message under way has 30 s. */
  async stop(): Promise<void> {
    this.draining = true;
    const closed = new Promise<void>((done) => this.close(() => done()));
    for (const connection of this.connections) (connection as SmtpSession).drain();
    await closed;
  }

  override connect(socket: Socket, socketOptions?: SMTPConnectionOptions | null): void {
    counted(this.inbound.log, { what: "connection" });
    const session = new SmtpSession(this, socket, socketOptions);
    this.connections.add(session);
    session.on("error", (error: Error) => {
      this.inbound.log.write("info", `session with ${session.relayText}: ${messageOf(error)}`);
    });
    session.init();
  }
}

function libraryOptions(kind: PortKind, settings: Settings, tls: TlsFiles | undefined): SMTPServerOptions {
  const { smtp, hostname } = settings;
  return {
    name: hostname,
    logger: false,
    secure: kind === "smtps",
    ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key }),
    disabledCommands: tls === undefined ? ["AUTH", "STARTTLS"] : ["AUTH"],
    authOptional: true,
    disableReverseLookup: true,
    socketTimeout: smtp.idleTimeout,
    closeTimeout: STOP_GRACE,
    // Named also when it is empty: an update must take away what was there.
    useProxy: [...smtp.proxyProtocol],
  };
}
