/**
 * A conversation in lines with a mail server, as a client has it: send a line, read the reply.
 */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";

/** How long the other side may be silent (ms). */
const SILENCE_LIMIT = 20_000;

/** One open conversation. */
export interface LineDialogue {
  /** The next line, without its line end; rejects when the connection ends first. */
  readLine(): Promise<string>;
  /** Sends a line. */
  send(line: string): void;
  /** Ends the connection. */
  close(): void;
}

/** Where to, and from where. */
export interface Way {
  readonly host: string;
  readonly port: number;
  /** Our own address: to whom the server believes it speaks. */
  readonly from: string;
  /** TLS from the first octet: the server's name, and the certificate (PEM) that it must show. */
  readonly tls?: { readonly name: string; readonly certificate: string };
}

/** Connects to a server. */
export function openDialogue({ host, port, from, tls }: Way): Promise<LineDialogue> {
  return new Promise((resolve, reject) => {
    const plain = connect({ host, port, localAddress: from });
    const socket =
      tls === undefined ? plain : connectTls({ socket: plain, servername: tls.name, ca: tls.certificate });
    plain.once("error", reject);
    socket.setTimeout(SILENCE_LIMIT, () => socket.destroy(new Error(`${host}:${port} is silent`)));
    socket.once("error", reject);
    socket.once(tls === undefined ? "connect" : "secureConnect", () => {
      socket.off("error", reject);
      resolve(dialogueOver(socket));
    });
  });
}

function dialogueOver(socket: Socket): LineDialogue {
  let fault = new Error("the server closed the connection");
  socket.on("error", (error) => {
    fault = error;
  });
  // A line at a time in its order; bytes stay bytes.
  socket.setEncoding("latin1");
  const lines = createInterface({ input: socket, crlfDelay: Number.POSITIVE_INFINITY })[
    Symbol.asyncIterator
  ]();
  return {
    async readLine() {
      const next = await lines.next();
      if (next.done === true) throw fault;
      return next.value;
    },
    send: (line) => void socket.write(`${line}\r\n`, "latin1"),
    close: () => void socket.destroy(),
  };
}
