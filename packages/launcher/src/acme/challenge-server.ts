/**
 * Answers the authority's question (HTTP-01, RFC 8555 section 8.3): a web server that knows the outstanding tokens and nothing else.
 *
 * It speaks to strangers as root's port 80 does, so everything about it is small: GET and HEAD of a token that is waited for, any
 * other request is 404; few connections, short headers, little time. It listens only while a token is outstanding. A port that had to
 * be bound while we were still root can not be given back for later: from its first use on it stays, and whoever calls it while
 * nothing is outstanding is hung up on.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { BoundPort } from "@mailhost/common/daemon/bound-port";
import { addressesOf } from "@mailhost/common/daemon/bound-port";
import { errnoOf, messageOf, UserError } from "@mailhost/common/errors";
import type { ListenAddress } from "@mailhost/common/settings/settings";
import { formatListenAddress } from "@mailhost/common/settings/units";
import { EX_CONFIG, EX_NOPERM, EX_UNAVAILABLE } from "@mailhost/common/sysexits";

/** Tokens that are answered for. */
export interface ChallengeAnswers {
  /**
   * Answers for a token from now on.
   *
   * @throws UserError when no port can be had
   */
  add(token: string, answer: string): Promise<void>;
  remove(token: string): Promise<void>;
}

/** The server. */
export interface ChallengeServer extends ChallengeAnswers {
  /** Where it listens just now. */
  listening(): readonly ListenAddress[];
  close(): Promise<void>;
}

const PATH = "/.well-known/acme-challenge/";
const MOST_CONNECTIONS = 32;
const HEADER_LIMIT = 8 * 1024;
/** ms for a request, from its connection on. */
const TIME_LIMIT = 5_000;

/**
 * Makes the server; nothing is bound yet.
 *
 * @param listen addresses
 * @param held ports that are bound already, in place of `listen`
 */
export function challengeServer(
  listen: readonly ListenAddress[],
  held: readonly BoundPort[] = [],
): ChallengeServer {
  const tokens = new Map<string, string>();
  const kept: Server[] = [];
  let servers: Server[] = [];
  const open = async () => {
    if (held.length > 0) {
      if (kept.length === 0) for (const { fd } of held) kept.push(await listening(webServer(tokens), { fd }));
      return;
    }
    try {
      for (const address of (await Promise.all(listen.map((a) => addressesOf(a, "acme.listen")))).flat())
        servers.push(await listening(webServer(tokens), { ...address, ipv6Only: true }, address));
    } catch (error) {
      await shut();
      throw error;
    }
  };
  const shut = async () => {
    const ending = servers;
    servers = [];
    await Promise.all(ending.map(ended));
  };
  return {
    async add(token, answer) {
      if (tokens.size === 0) await open();
      tokens.set(token, answer);
    },
    async remove(token) {
      tokens.delete(token);
      if (tokens.size === 0) await shut();
    },
    listening: () => (held.length > 0 ? held.map((port) => port.address) : servers.map(addressOf)),
    async close() {
      tokens.clear();
      await shut();
      await Promise.all(kept.splice(0).map(ended));
    },
  };
}

function webServer(tokens: ReadonlyMap<string, string>): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_LIMIT,
      requestTimeout: TIME_LIMIT,
      headersTimeout: TIME_LIMIT,
      connectionsCheckingInterval: 1000,
      keepAlive: false,
    },
    (request, response) => answer(tokens, request, response),
  );
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(TIME_LIMIT, (socket) => socket.destroy());
  server.on("connection", (socket) => {
    if (tokens.size === 0) socket.destroy();
  });
  server.on("clientError", (_error, socket) => socket.destroy());
  return server;
}

function answer(
  tokens: ReadonlyMap<string, string>,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { method, url = "" } = request;
  const asked = url.startsWith(PATH) && (method === "GET" || method === "HEAD") ? url.slice(PATH.length) : "";
  const text = tokens.get(asked);
  const body = text ?? "not found\n";
  response.writeHead(text === undefined ? 404 : 200, {
    "content-type": text === undefined ? "text/plain" : "application/octet-stream",
    "content-length": Buffer.byteLength(body),
    connection: "close",
  });
  // A body that nobody asked for is not waited for.
  response.on("finish", () => request.socket.destroySoon());
  response.end(body);
}

async function listening(
  server: Server,
  where:
    | { readonly fd: number }
    | { readonly host: string; readonly port: number; readonly ipv6Only: boolean },
  address?: ListenAddress,
): Promise<Server> {
  server.listen(where);
  try {
    await once(server, "listening");
  } catch (error) {
    throw refusal(address, error);
  }
  // The host stays for other reasons than this.
  server.unref();
  return server;
}

/** A port that can not be had, and what to do. */
export function refusal(address: ListenAddress | undefined, error: unknown): UserError {
  const where = `cannot answer the certificate authority on ${address === undefined ? "its port" : formatListenAddress(address)}`;
  switch (errnoOf(error)) {
    case "EADDRINUSE":
      return new UserError(
        `${where}: the port is in use by another program (\`ss -ltnp\` shows it); have that pass /.well-known/acme-challenge/ on to a port of its own, and set acme.listen to that`,
        EX_UNAVAILABLE,
      );
    case "EACCES":
      return new UserError(
        `${where}: permission denied: ports below 1024 are root's; restart mailhost, which binds it before it gives up root, or set a higher port in acme.listen and have port 80 passed on to it`,
        EX_NOPERM,
      );
    case "EADDRNOTAVAIL":
      return new UserError(
        `${where}: this machine does not have the address; correct acme.listen`,
        EX_CONFIG,
      );
    default:
      return error instanceof UserError
        ? error
        : new UserError(`${where}: ${messageOf(error)}`, EX_UNAVAILABLE);
  }
}

function ended(server: Server): Promise<void> {
  return new Promise((done) => {
    server.close(() => done());
    server.closeAllConnections();
  });
}

function addressOf(server: Server): ListenAddress {
  const at = server.address();
  if (at === null || typeof at === "string") return { host: "", port: 0 };
  return { host: at.address, port: at.port };
}
