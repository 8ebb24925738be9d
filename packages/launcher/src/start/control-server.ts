/**
 * The launcher's end of `run/mailhost.sock`: one JSON object a line each way (see common/daemon/control.ts).
 *
 * Whoever may open the socket may wake the queue and ask for the state; nothing said here changes a message.
 */
import { lchownSync, lstatSync, unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { CONTROL_LINE_LIMIT, type ControlAnswer, SOCKET_PATH_LIMIT } from "@mailhost/common/daemon/control";
import type { Identity } from "@mailhost/common/daemon/identity";
import { messageOf, UserError } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { EX_CONFIG } from "@mailhost/common/sysexits";
import { exitCodeOf, reasonOf } from "./folders.ts";

/** How long a client may keep its connection without a word (ms). */
const IDLE_LIMIT = 10_000;

/** Connections at once. */
const MOST_CLIENTS = 64;

/** The commands by name; each is given the whole line's object. */
export type ControlCommands = Readonly<
  Record<string, (line: Readonly<Record<string, unknown>>) => Promise<ControlAnswer> | ControlAnswer>
>;

/**
 * Listens on the socket, mode 0660; one that a dead launcher left is removed first (the pid file's lock says that it
 * is dead).
 *
 * @throws UserError when it cannot be made
 */
export async function openControlSocket(
  site: Site,
  identity: Identity | undefined,
  commands: ControlCommands,
): Promise<Server> {
  const path = site.controlSocket;
  if (Buffer.byteLength(path) > SOCKET_PATH_LIMIT) {
    throw new UserError(
      `${path}: the name is too long for a socket (${SOCKET_PATH_LIMIT} octets at most); choose a shorter root`,
      EX_CONFIG,
    );
  }
  const server = createServer((socket) => serveClient(socket, commands));
  server.maxConnections = MOST_CLIENTS;
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
    await listening(server, path);
    // Its folder may be that user's: a link that has taken the name's place is not followed.
    if (identity !== undefined) lchownSync(path, identity.uid, identity.gid);
  } catch (error) {
    server.close();
    throw new UserError(`cannot make the control socket ${path}: ${reasonOf(error)}`, exitCodeOf(error));
  }
  return server;
}

/** The socket has its mode from the beginning. */
async function listening(server: Server, path: string): Promise<void> {
  const mask = process.umask(0o117);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    });
  } finally {
    process.umask(mask);
  }
}

function serveClient(socket: Socket, commands: ControlCommands): void {
  let text = "";
  let turn: Promise<void> = Promise.resolve();
  socket.setEncoding("utf8");
  socket.setTimeout(IDLE_LIMIT, () => socket.destroy());
  // A client that went away has its reasons.
  socket.on("error", () => socket.destroy());
  socket.on("data", (piece: string) => {
    text += piece;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      turn = turn.then(async () => {
        const answer = await obey(line, commands);
        if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
      });
    }
    if (text.length > CONTROL_LINE_LIMIT) socket.destroy();
  });
}

/** The answer to one line. */
export async function obey(line: string, commands: ControlCommands): Promise<ControlAnswer> {
  let asked: Readonly<Record<string, unknown>>;
  try {
    asked = (JSON.parse(line) as Record<string, unknown> | null) ?? {};
  } catch {
    return { ok: false, error: "expected one JSON object a line" };
  }
  const name = asked.command;
  if (typeof name !== "string" || !Object.hasOwn(commands, name)) {
    return { ok: false, error: `unknown command; there are ${Object.keys(commands).join(", ")}` };
  }
  try {
    return await commands[name]!(asked);
  } catch (error) {
    return { ok: false, error: messageOf(error) };
  }
}
