/**
 * Accepts connections, decides who is served, and runs a session for each.
 *
 * Over the limits a client is told so and let go; nothing is kept of it. Loopback and RELAY networks are not counted
 * per client: a company behind one address must be able to fetch its mail.
 */
import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { StayAwake } from "@mailhost/common/daemon/stay-awake";
import { messageOf } from "@mailhost/common/errors";
import { changesTakenIn } from "@mailhost/common/fs/file-watch";
import { normalizeIp } from "@mailhost/common/ip-address";
import { isInRelayDomains, isLoopback, isRelayNetwork } from "@mailhost/common/tables/relay-networks";
import { beginHandshake } from "@mailhost/common/tls/server-handshake";
import type { Client } from "./connection/client.ts";
import type { HostName } from "./connection/host-names.ts";
import { type Place, SessionLimits } from "./connection/limits.ts";
import { readProxyHeader } from "./connection/proxy-header.ts";
import { ReadAheadMemory } from "./maildrop/read-ahead.ts";
import { err } from "./protocol/reply.ts";
import type { Services } from "./services.ts";
import { Session } from "./session.ts";
import type { Certificates } from "./session-parts.ts";
import { ENGLISH } from "./texts/english.ts";
import { logHandshake } from "./verbs/session-log.ts";

/** How long the end of a connection may take, ms: a client that reads nothing must not keep it. */
const FAREWELL = 5000;

/** The kinds of ports; `pop3s` is encrypted from the first octet. */
export type PortKind = "pop3" | "pop3s";

/** A connection from its first moment to its last. */
interface Connection {
  readonly socket: Socket;
  /** Undefined before the session has begun. */
  session?: Session;
  /** The encrypted side, on a port that begins with it: what is closed is this, never the socket below a handshake. */
  encrypted?: TLSSocket;
  /** All is said; the client may still read it. */
  leaving: boolean;
  /** Resolves when it is closed. */
  done: Promise<void>;
}

/** All listening ports and their sessions. */
export class Listener {
  readonly #services: Services;
  readonly #certificates: Certificates;
  readonly #memory: ReadAheadMemory;
  readonly #limits = new SessionLimits();
  readonly #servers: Server[] = [];
  /** An array: the tables that a Set leaves behind keep sessions that are over until a full collection (docs/performance.md). */
  readonly #connections: Connection[] = [];
  /** For a single client, which may send its next command before the loop would have fallen asleep. */
  readonly stayAwake = new StayAwake(() => this.#connections.length <= 1);
  #stopping = false;

  constructor(services: Services, certificates: Certificates) {
    this.#services = services;
    this.#certificates = certificates;
    this.#memory = new ReadAheadMemory(services.clock);
  }

  /** Listens; resolves when connections are accepted. */
  async listen(
    kind: PortKind,
    on: { readonly fd: number } | { readonly host: string; readonly port: number },
  ): Promise<Server> {
    // A client may close its side behind a pipelined session and still wants the replies.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      void this.#accept(socket, kind);
    });
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
   * Accepts nothing more. Sessions without a mailbox end at once, others have so many ms to say QUIT; after
   * that they are cut, and delete nothing.
   */
  async stop(within: number): Promise<void> {
    this.#stopping = true;
    for (const server of this.#servers) server.close();
    for (const { socket, session, leaving, encrypted } of [...this.#connections]) {
      if (!leaving && session?.hasMailbox !== true) (encrypted ?? socket).destroy();
    }
    const timer = this.#services.clock.after(within, () => this.cut());
    await Promise.all(this.#connections.map(({ done }) => done));
    timer.cancel();
  }

  /** Cuts all connections, whatever they are doing. */
  cut(): void {
    for (const { socket, session, encrypted } of [...this.#connections]) {
      session?.hangUp();
      (encrypted ?? socket).destroy();
    }
  }

  /** Serves a connection that somebody else accepted; resolves when it is closed. Never rejects. */
  async serve(socket: Socket, kind: PortKind): Promise<void> {
    await this.#accept(socket, kind);
  }

  /** As {@link serve}, for a client that is this host and whose connection is no socket with an address. */
  async serveLocally(stream: Duplex, kind: PortKind): Promise<void> {
    const client: Client = { ip: "127.0.0.1", hidden: true, secure: kind === "pop3s", trusted: true };
    const served = kind === "pop3s" ? await this.#encrypt(stream, client) : stream;
    if (served === undefined) return;
    const session = new Session({
      stream: served,
      services: this.#services,
      client,
      certificates: this.#certificates,
    });
    await session.run();
    await this.#farewell(session.stream);
  }

  #accept(socket: Socket, kind: PortKind): Promise<void> {
    const { log } = this.#services;
    // The session notices a lost connection by itself; without a listener the error would end the process.
    socket.on("error", (error) =>
      log.write("debug", `pop3: ${socket.remoteAddress ?? "?"}: ${error.message}`),
    );
    const place = this.#limits.enter(this.#services.settings().pop3.maxConnections);
    const connection: Connection = { socket, leaving: false, done: Promise.resolve() };
    this.#connections.push(connection);
    this.stayAwake.came();
    connection.done = this.#serve(socket, kind, place, connection)
      .catch((error: unknown) => {
        socket.destroy();
        log.write("error", `pop3: ${socket.remoteAddress ?? "?"}: ${messageOf(error)}`);
        return socket;
      })
      .then((stream) => {
        this.#giveUp(place, connection.session?.pauseLeft ?? 0);
        connection.leaving = true;
        return this.#farewell(stream);
      })
      .finally(() => this.#forget(connection));
    return connection.done;
  }

  #forget(connection: Connection): void {
    const place = this.#connections.indexOf(connection);
    const last = this.#connections.pop()!;
    if (place < this.#connections.length) this.#connections[place] = last;
  }

  /** Who hangs up on the pause behind a wrong password is counted until it is over: it buys no faster guessing. */
  #giveUp(place: Place | undefined, pauseLeft: number): void {
    if (pauseLeft === 0 || this.#stopping) {
      place?.leave();
      return;
    }
    place?.makeRoom();
    this.#services.clock.after(pauseLeft, () => place?.leave());
  }

  /** Serves a client to the end, and returns the stream that is to be closed. */
  async #serve(
    socket: Socket,
    kind: PortKind,
    place: Place | undefined,
    connection: Connection,
  ): Promise<Duplex> {
    const services = this.#services;
    if (place === undefined) return turnAway(socket, ENGLISH.tooManySessions);
    const who = await this.#clientOf(socket);
    const secure = kind === "pop3s";
    await changesTakenIn();
    if (who === undefined || this.#stopping) return socket.destroy();
    const behindGateway = services.gateways?.has(who.ip) === true;
    if (behindGateway) {
      services.log.write(
        "warn",
        `pop3: connection from the container gateway [${who.ip}]: the client's address is hidden, network rules do not apply`,
      );
    }
    if (!who.hidden && services.guard.banned(who.ip) !== undefined) {
      services.log.write("debug", `pop3: ${who.ip} is banned (\`mailhost bans list\`)`);
      return turnAway(socket, ENGLISH.tooManyFailures);
    }
    const { access, relayDomains } = services.tables;
    const trusted =
      !who.hidden &&
      !behindGateway &&
      (isLoopback(who.ip) || isInRelayDomains(who.ip, relayDomains) || isRelayNetwork(who.ip, access));
    if (!trusted && !place.countFor(who.ip, services.settings().pop3.maxConnectionsPerClient)) {
      return turnAway(socket, ENGLISH.tooManySessionsFromYou);
    }
    const hidden = who.hidden || behindGateway;
    const client: Client = { ip: who.ip, hidden, secure, trusted, host: this.#hostOf(who) };
    // Who says nothing has a handshake pending, and no session.
    const stream = secure ? await this.#encrypt(socket, client, connection) : socket;
    if (stream === undefined) return connection.encrypted ?? socket;
    const session = new Session({
      stream,
      services,
      client,
      memory: this.#memory,
      certificates: this.#certificates,
      awake: this.stayAwake,
    });
    connection.session = session;
    await session.run();
    return session.stream;
  }

  /** Encrypts a connection from its first octet; undefined, and closed, when that fails. */
  async #encrypt(stream: Duplex, client: Client, connection?: Connection): Promise<Duplex | undefined> {
    if (!this.#certificates.any()) {
      stream.destroy();
      return undefined;
    }
    const { socket, over } = beginHandshake(stream, this.#certificates, this.#services.clock);
    if (connection !== undefined) connection.encrypted = socket;
    const result = await over;
    logHandshake({ services: this.#services, client }, result);
    return result.kind === "encrypted" ? result.stream : undefined;
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

  /** The client's name is looked for while it is greeted. */
  #hostOf({ ip, hidden }: Pick<Client, "ip" | "hidden">): HostName | undefined {
    const { settings, hostNames } = this.#services;
    if (!settings().pop3.reverseLookup || hidden || hostNames === undefined) return undefined;
    return hostNames.of(ip);
  }

  /** Reads what the client still sends, so that our last words are not lost in a reset, but not for long. */
  #farewell(socket: Duplex): Promise<void> {
    return new Promise((resolve) => {
      if (socket.closed) return resolve();
      const timer = this.#services.clock.after(FAREWELL, () => socket.destroy());
      socket.once("close", () => {
        timer.cancel();
        resolve();
      });
      socket.resume();
    });
  }
}

function turnAway(socket: Socket, text: string): Socket {
  return socket.end(`${err(text, "SYS/TEMP")}\r\n`);
}
