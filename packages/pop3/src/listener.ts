/**
 * Accepts connections, decides who is served, and runs a session for each.
 *
 * Over the limits a client is told so and let go; nothing is kept of it. Loopback and RELAY networks are not counted
 * per client: a company behind one address must be able to fetch its mail.
 */
import { createServer, type Server, type Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { messageOf } from "@mailhost/common/errors";
import { normalizeIp } from "@mailhost/common/ip-address";
import { type Client, isLoopback, isRelayNetwork } from "./connection/client.ts";
import { type Place, SessionLimits } from "./connection/limits.ts";
import { readProxyHeader } from "./connection/proxy-header.ts";
import { err } from "./protocol/reply.ts";
import type { Services } from "./services.ts";
import { Session } from "./session.ts";

/** How long the end of a connection may take, ms: a client that reads nothing must not keep it. */
const FAREWELL = 5000;
/** How long sessions with an open mailbox may go on once the server stops, ms. */
export const STOP_PATIENCE = 30_000;

/** The kinds of ports; `pop3s` is encrypted from the first octet. */
export type PortKind = "pop3" | "pop3s";

/** All listening ports and their sessions. */
export class Listener {
  readonly #services: Services;
  readonly #tls: () => SecureContext | undefined;
  readonly #limits = new SessionLimits();
  readonly #servers: Server[] = [];
  /** Connections that are no session yet or no more, with the socket that ends them. */
  readonly #connections = new Map<Socket, { session?: Session; done: Promise<void> }>();
  #stopping = false;

  constructor(services: Services, tls: () => SecureContext | undefined) {
    this.#services = services;
    this.#tls = tls;
  }

  /** Listens; resolves when connections are accepted. */
  async listen(
    kind: PortKind,
    on: { readonly fd: number } | { readonly host: string; readonly port: number },
  ): Promise<Server> {
    // A client may close its side behind a pipelined session and still wants the replies.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
      this.#accept(socket, kind),
    );
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(on, () => {
        server.off("error", reject);
        resolve();
      });
    });
    server.on("error", (error) => this.#services.log.write("error", `pop3: accepting: ${error.message}`));
    this.#servers.push(server);
    return server;
  }

  /**
   * Accepts nothing more. Sessions without a mailbox end at once, others have {@link STOP_PATIENCE} to say QUIT; after
   * that they are cut, and delete nothing.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const server of this.#servers) server.close();
    for (const [socket, { session }] of this.#connections) if (session?.hasMailbox !== true) socket.destroy();
    const timer = this.#services.clock.after(STOP_PATIENCE, () => this.cut());
    await Promise.all([...this.#connections.values()].map(({ done }) => done));
    timer.cancel();
  }

  /** Cuts all connections, whatever they are doing. */
  cut(): void {
    for (const socket of this.#connections.keys()) socket.destroy();
  }

  #accept(socket: Socket, kind: PortKind): void {
    const { log } = this.#services;
    // The session notices a lost connection by itself; without a listener the error would end the process.
    socket.on("error", (error) =>
      log.write("debug", `pop3: ${socket.remoteAddress ?? "?"}: ${error.message}`),
    );
    const place = this.#limits.enter(this.#services.settings().pop3.maxConnections);
    if (place === undefined) {
      this.#turnAway(socket, "Too many sessions; try again later.");
      return;
    }
    const connection: { session?: Session; done: Promise<void> } = { done: Promise.resolve() };
    this.#connections.set(socket, connection);
    connection.done = this.#serve(socket, kind, place, (session) => {
      connection.session = session;
    })
      .catch((error: unknown) => {
        socket.destroy();
        log.write("error", `pop3: ${socket.remoteAddress ?? "?"}: ${messageOf(error)}`);
      })
      .finally(() => {
        place.leave();
        this.#connections.delete(socket);
      });
  }

  async #serve(
    socket: Socket,
    kind: PortKind,
    place: Place,
    begun: (session: Session) => void,
  ): Promise<void> {
    const services = this.#services;
    const who = await this.#clientOf(socket);
    if (who === undefined || this.#stopping) {
      socket.destroy();
      return;
    }
    const { access } = services.tables;
    const trusted = !who.hidden && (isLoopback(who.ip) || isRelayNetwork(who.ip, access));
    if (!trusted && !place.countFor(who.ip, services.settings().pop3.maxConnectionsPerClient)) {
      this.#turnAway(socket, "Too many sessions from your address; try again later.");
      return;
    }
    const secureContext = this.#tls();
    const secure = kind === "pop3s";
    if (secure && secureContext === undefined) {
      socket.destroy();
      return;
    }
    const stream = secure ? encrypted(socket, secureContext!) : socket;
    const session = new Session(stream, services, { ...who, secure, trusted });
    begun(session);
    await session.run();
    this.#farewell(stream);
  }

  /** The client's address: the peer's own, or the one that a forwarder of ours names. */
  async #clientOf(socket: Socket): Promise<Pick<Client, "ip" | "hidden"> | undefined> {
    const peer = normalizeIp(socket.remoteAddress ?? "");
    if (peer === undefined) return undefined;
    const forwarders = this.#services.settings().pop3.proxyProtocol.map((address) => normalizeIp(address));
    if (!forwarders.includes(peer)) return { ip: peer, hidden: false };
    const named = await readProxyHeader(socket, this.#services.clock);
    if (named === undefined) {
      this.#services.log.write("warn", `pop3: ${peer} is in pop3.proxyProtocol and sent no PROXY header`);
      return undefined;
    }
    if (named.kind === "unknown") return { ip: peer, hidden: true };
    return { ip: normalizeIp(named.ip) ?? peer, hidden: false };
  }

  #turnAway(socket: Socket, text: string): void {
    socket.end(`${err(text, "SYS/TEMP")}\r\n`);
    this.#farewell(socket);
  }

  /** Reads what the client still sends, so that our last words are not lost in a reset, but not for long. */
  #farewell(socket: Socket): void {
    if (socket.destroyed) return;
    socket.resume();
    const timer = this.#services.clock.after(FAREWELL, () => socket.destroy());
    socket.once("close", () => timer.cancel());
  }
}

/** The TLS side of a connection; what the PROXY header left in the socket is read first. */
function encrypted(socket: Socket, secureContext: SecureContext): Socket {
  const stream = new TLSSocket(socket, { isServer: true, secureContext });
  stream.on("error", () => socket.destroy());
  return stream;
}
