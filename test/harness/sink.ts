/**
 * Another company's mail host: takes messages, keeps them, and answers each command as a test tells it to.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { Connection } from "./connection.ts";
import { eventually } from "./eventually.ts";

/** A message that it took. */
export interface TakenMessage {
  /** As given with MAIL, with its parameters: `<a@b> SIZE=100`. */
  readonly mail: string;
  readonly recipients: readonly string[];
  /** Dots undone, CRLF line ends. */
  readonly message: Buffer;
  /** Which connection it came over, counted from 1. */
  readonly connection: number;
}

/** How it behaves; everything may be changed while it runs. */
export interface SinkBehaviour {
  /** Its own name in the greeting. */
  name?: string;
  /** Extensions after EHLO. */
  extensions?: readonly string[];
  /**
   * What it answers to a command, to the greeting (verb `CONNECT`) or to the end of a message (verb `.`); undefined: yes.
   * `hang up` closes the connection without a word, `silence` says nothing at all.
   */
  reply?: (verb: string, line: string) => string | undefined;
}

/** A running sink. */
export interface Sink {
  readonly host: string;
  readonly port: number;
  readonly messages: readonly TakenMessage[];
  readonly behaviour: SinkBehaviour;
  /** Connections so far. */
  readonly connections: number;
  /** Every command line that came in, with the connection's number. */
  readonly commands: readonly string[];
  /** Waits until that many messages have come. */
  taken(count: number, within?: number): Promise<readonly TakenMessage[]>;
  close(): Promise<void>;
}

interface Session {
  mail: string;
  recipients: string[];
}

/**
 * Starts one.
 *
 * @param port 0 for any free port
 */
export async function startSink(host: string, port: number, behaviour: SinkBehaviour = {}): Promise<Sink> {
  const messages: TakenMessage[] = [];
  const commands: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    connections += 1;
    const number = connections;
    serve(Connection.over(socket), number).catch(() => socket.destroy());
  });

  async function serve(peer: Connection, number: number): Promise<void> {
    const session: Session = { mail: "", recipients: [] };
    /** Answers; false when the connection is over. */
    const answer = async (verb: string, line: string, otherwise: string): Promise<string | undefined> => {
      const text = behaviour.reply?.(verb, line) ?? otherwise;
      if (text === "hang up") {
        peer.close();
        return undefined;
      }
      if (text !== "silence") await peer.write(`${text}\r\n`);
      return text;
    };
    if ((await answer("CONNECT", "", `220 ${behaviour.name ?? "sink.test"} ESMTP`)) === undefined) return;
    for (;;) {
      const line = (await peer.readLine()).toString("utf8");
      commands.push(`${number} ${line}`);
      const verb = line.split(/[ :]/, 1)[0]!.toUpperCase();
      const said = await answer(verb, line, usualReply(verb, behaviour));
      if (said === undefined) return;
      if (verb === "QUIT") return peer.close();
      const yes = said.startsWith("2") || said.startsWith("3");
      if (verb === "MAIL" && yes) {
        session.mail = line.slice("MAIL FROM:".length);
        session.recipients = [];
      } else if (verb === "RCPT" && yes) session.recipients.push(line.slice("RCPT TO:".length));
      else if (verb === "DATA" && said.startsWith("3")) {
        const message = await readMessage(peer);
        const end = await answer(".", "", "250 2.0.0 taken");
        if (end === undefined) return;
        if (end.startsWith("2")) messages.push({ ...session, message, connection: number });
      }
    }
  }

  server.listen(port, host);
  await once(server, "listening");
  return {
    host,
    port: (server.address() as AddressInfo).port,
    messages,
    commands,
    behaviour,
    get connections() {
      return connections;
    },
    async taken(count, within = 30_000) {
      await eventually(() => messages.length >= count, {
        within,
        what: `${count} messages at ${behaviour.name ?? host}, which has ${messages.length}`,
      });
      return messages;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

function usualReply(verb: string, behaviour: SinkBehaviour): string {
  switch (verb) {
    case "EHLO": {
      const extensions = behaviour.extensions ?? [
        "PIPELINING",
        "SIZE 100000000",
        "8BITMIME",
        "ENHANCEDSTATUSCODES",
      ];
      return [behaviour.name ?? "sink.test", ...extensions]
        .map((text, i, all) => `250${i === all.length - 1 ? " " : "-"}${text}`)
        .join("\r\n");
    }
    case "DATA":
      return "354 go ahead";
    case "QUIT":
      return "221 2.0.0 bye";
    default:
      return "250 2.0.0 ok";
  }
}

async function readMessage(peer: Connection): Promise<Buffer> {
  const lines: Buffer[] = [];
  for (;;) {
    const line = await peer.readLine();
    if (line.length === 1 && line[0] === 0x2e) return Buffer.concat(lines);
    lines.push(line[0] === 0x2e ? line.subarray(1) : line, Buffer.from("\r\n"));
  }
}
