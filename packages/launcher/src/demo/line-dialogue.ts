/**
 * A conversation in lines with a mail server, as a client has it: send a line, read the reply.
 */
import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";

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

/**
 * Connects to a server.
 *
 * @param from our own address: to whom the server believes it speaks
 */
export function openDialogue(host: string, port: number, from: string): Promise<LineDialogue> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, localAddress: from });
    socket.setTimeout(SILENCE_LIMIT, () => socket.destroy(new Error(`${host}:${port} is silent`)));
    socket.once("error", reject);
    socket.once("connect", () => {
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
