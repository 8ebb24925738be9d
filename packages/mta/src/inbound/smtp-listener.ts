/**
 * One kind of SMTP port: smtp-server's listener, making {@link SmtpSession}s.
 */
import type { Socket } from "node:net";
import type { SecureContext, TLSSocket } from "node:tls";
import { StayAwake } from "@mailhost/common/daemon/stay-awake";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import { normalizeIp, writtenIp } from "@mailhost/common/ip-address";
import type { Settings } from "@mailhost/common/settings/settings";
import type { ServedCertificates } from "@mailhost/common/tls/served-certificates";
import { beginHandshake } from "@mailhost/common/tls/server-handshake";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import type { SMTPConnectionOptions } from "smtp-server/lib/smtp-connection.js";
import { counted } from "../log/statistics.ts";
import { TurnedAway } from "../overload/turn-away.ts";
import { clientIsTrustedNetwork } from "../policy/relay-decision.ts";
import { formatReply } from "../policy/reply.ts";
import { type InboundParts, policyFacts } from "./inbound-parts.ts";
import { OpenSessions } from "./open-sessions.ts";
import { ReplyTurn } from "./reply-turn.ts";
import { SmtpSession } from "./smtp-session.ts";
import { logEncrypted, logFailedHandshake } from "./tls-log.ts";

/** Port 25, 587 or 465. */
export type PortKind = "smtp" | "submission" | "smtps";

/** What a listener needs of the certificates. */
export type Certificates = Pick<ServedCertificates, "any" | "contextFor">;

/** A listener; it listens on what it is given by {@link SmtpListener.open}. */
export class SmtpListener extends SMTPServer {
  readonly kind: PortKind;
  readonly inbound: InboundParts;
  readonly #isForOne = () => this.connections.size <= 1;
  /** Hears what comes and what has been answered. */
  readonly stayAwake = new StayAwake(this.#isForOne);
  /** When the sessions write their replies. */
  readonly replyTurn = new ReplyTurn(this.#isForOne, () => this.stayAwake.answered());
  readonly #certificates: Certificates;
  /** Handshakes under way on a port that begins with one, by address: they have no session yet. */
  readonly #handshakes = new Map<string, number>();
  readonly #turnedAway: TurnedAway;
  #full = false;
  #plain: ReturnType<typeof plainOptions> | undefined;
  /** No new transactions: the daemon stops. */
  draining = false;

  constructor(kind: PortKind, inbound: InboundParts, certificates: Certificates) {
    super(libraryOptions(kind, inbound.settings()));
    this.connections = new OpenSessions();
    this.kind = kind;
    this.inbound = inbound;
    this.#certificates = certificates;
    this.#turnedAway = new TurnedAway(inbound.clock);
    this.secureContext = new PresentContext(certificates);
    this.on("error", (error: Error) => {
      inbound.log.write("info", `${kind}: ${messageOf(error)}`);
    });
  }

  /** STARTTLS is offered: there is a certificate, and the port does not speak TLS from the first octet. */
  get offersTls(): boolean {
    return this.#certificates.any() && this.kind !== "smtps";
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

  /** Takes over changed settings; sessions that are open keep what they have. */
  update(settings: Settings): void {
    Object.assign(this.options, libraryOptions(this.kind, settings));
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

  /** Stops listening and resolves when the last session is over; a message under way has so many ms. */
  async stop(within: number): Promise<void> {
    this.draining = true;
    this.options.closeTimeout = within;
    const closed = new Promise<void>((done) => this.close(() => done()));
    for (const connection of this.connections) (connection as SmtpSession).drain();
    this.#turnedAway.close();
    await closed;
  }

  /** Without a PROXY header there is nothing to wait for. */
  override _handleProxy(...[socket, callback]: Parameters<SMTPServer["_handleProxy"]>): void {
    if (this._expectsProxyHeader(socket)) super._handleProxy(socket, callback);
    else callback(null, (this.#plain ??= plainOptions(this.server.address())));
  }

  /** Whether a client is let in was decided before; the library's own lets a turn pass. */
  override onConnect(...[, callback]: Parameters<SMTPServer["onConnect"]>): void {
    callback();
  }

  override connect(socket: Socket, socketOptions?: SMTPConnectionOptions | null): void {
    this.stayAwake.came();
    counted(this.inbound.log, { what: "connection" });
    const ip = normalizeIp(socketOptions?.remoteAddress ?? socket.remoteAddress ?? "") ?? "";
    const busy = this.#tooBusy(ip) ?? this.#noPlace(ip);
    if (busy !== undefined) {
      counted(this.inbound.log, { what: "refused connection" });
      this.#turnedAway.turnAway(socket, `${busy.code} ${busy.enhanced} ${this.options.name} ${busy.text}`);
      return;
    }
    const session = new SmtpSession(this, socket, socketOptions);
    this.connections.add(session);
    session.on("error", (error: Error) => {
      // What becomes of a handshake is said by whoever watches it.
      if (session._upgrading) return;
      this.inbound.log.write("info", `session with ${session.relayText}: ${messageOf(error)}`);
    });
    session.init();
    if (this.kind === "smtps") logEncrypted(session, socket as TLSSocket);
  }

  /** The library's contexts are made from its own certificate, whose key everybody knows: there are none. */
  override updateSecureContext(): void {
    this.secureContext = new Map();
  }

  override _resolveSNI(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    done(null, this.#certificates.contextFor(name));
  }

  /** A connection that begins with a handshake. Who is silent has no session yet, and is let go before long. */
  override _upgrade(socket: Socket, callback: (error: Error | null, encrypted?: TLSSocket) => void): void {
    socket.setTimeout(0);
    const { clock, log } = this.inbound;
    const ip = normalizeIp(socket.remoteAddress ?? "") ?? "";
    const under = this.#handshakes.get(ip) ?? 0;
    const { maxConnectionsPerClient } = this.inbound.settings().smtp;
    // A refusal would have to be said after the handshake, which is what costs most.
    if (this.#tooBusy(ip) !== undefined) {
      socket.destroy();
      return;
    }
    if (!this.#certificates.any() || (under >= maxConnectionsPerClient && this.#isCounted(ip))) {
      socket.destroy();
      return;
    }
    this.#handshakes.set(ip, under + 1);
    const { socket: encrypted, over } = beginHandshake(socket, this.#certificates, clock);
    if (this._pendingSockets.has(socket)) this._pendingSockets.set(socket, encrypted);
    void over.then((result) => {
      const left = (this.#handshakes.get(ip) ?? 1) - 1;
      if (left === 0) this.#handshakes.delete(ip);
      else this.#handshakes.set(ip, left);
      if (result.kind === "encrypted") return callback(null, result.stream);
      logFailedHandshake(log, `[${writtenIp(ip)}]`, result.reason);
      this._pendingSockets.delete(socket);
    });
  }

  /** The refusal of a connection while there is too much to do; on the ports where mail is submitted it comes last. */
  #tooBusy(ip: string): SmtpReply | undefined {
    const { overload } = this.inbound;
    return overload?.refusesConnection(() => this.kind !== "smtp" || !this.#isCounted(ip));
  }

  /** The refusal of a connection while all places are taken. Said here, it costs no session. */
  #noPlace(ip: string): SmtpReply | undefined {
    const { limits, log, settings } = this.inbound;
    const refusal = limits.full();
    if (refusal === undefined) return undefined;
    this.noteFull(settings().smtp.maxConnections);
    log.write("info", `rejecting connection from [${writtenIp(ip)}]: ${formatReply(refusal)}`);
    return refusal;
  }

  /** Whether a client's connections are counted: those of our own networks are not. */
  #isCounted(ip: string): boolean {
    return clientIsTrustedNetwork({ ip, name: "" }, policyFacts(this.inbound)) === undefined;
  }
}

/** The library's map of contexts, of which it asks for the one for clients that name no host. */
class PresentContext extends Map<string, SecureContext> {
  readonly #certificates: Certificates;

  constructor(certificates: Certificates) {
    super();
    this.#certificates = certificates;
  }

  override get(): SecureContext | undefined {
    return this.#certificates.contextFor();
  }
}

/** What the library else finds out for each connection and nobody asks for: a random id for its own log, our end of it. */
function plainOptions(address: ReturnType<SMTPServer["server"]["address"]>) {
  const { address: localAddress, port: localPort } =
    address === null || typeof address === "string" ? { address: "-", port: 1 } : address;
  return { id: "-", localAddress, localPort };
}

function libraryOptions(kind: PortKind, settings: Settings): SMTPServerOptions {
  const { smtp, hostname } = settings;
  return {
    name: hostname,
    logger: false,
    secure: kind === "smtps",
    disabledCommands: ["AUTH"],
    // Connections that have not come as far as a session; those that have are counted by ourselves.
    maxClients: smtp.maxConnections,
    authOptional: true,
    disableReverseLookup: true,
    socketTimeout: smtp.idleTimeout,
    // Named also when it is empty: an update must take away what was there.
    useProxy: smtp.proxyProtocol.length > 0 && [...smtp.proxyProtocol],
  };
}
