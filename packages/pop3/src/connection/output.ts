/**
 * The way to the client, with back-pressure: nothing more is produced while the client does not read.
 *
 * Lines are gathered, so that the replies to a pipelined batch leave in few packets (RFC 2449 section 6.6); whoever
 * has to wait for something else flushes first.
 */
import type { Duplex } from "node:stream";
import type { IdleTimer } from "./idle-timer.ts";

/** Octets gathered before they are sent. */
const GATHERED = 16 * 1024;

/** The client is gone; nothing can be sent any more. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** Is told of all that goes to the client. */
export interface OutputWitness {
  line(text: string): void;
  bytes(octets: number): void;
}

/** Sends lines and bytes to one client. */
export class Output {
  /** Sees what is sent (pop3.traceFile). */
  witness: OutputWitness | undefined;
  readonly #idle: IdleTimer;
  #socket: Duplex;
  #text: string[] = [];
  /** Goes before the text. */
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(socket: Duplex, idle: IdleTimer) {
    this.#socket = socket;
    this.#idle = idle;
  }

  /** Goes on over another stream; what was gathered is sent before. */
  attach(socket: Duplex): void {
    this.#socket = socket;
  }

  /** Adds a line, its CR LF excluded. Resolves when the next may be added. */
  async line(text: string): Promise<void> {
    this.witness?.line(text);
    this.#text.push(text, "\r\n");
    this.#length += text.length + 2;
    if (this.#length >= GATHERED) await this.flush();
  }

  /** Adds bytes, which are not copied. Resolves when more may be added. */
  async bytes(data: Buffer): Promise<void> {
    this.witness?.bytes(data.length);
    this.#closeText();
    this.#chunks.push(data);
    this.#length += data.length;
    if (this.#length >= GATHERED) await this.flush();
  }

  /** Sends what was gathered. Resolves when more may be sent. */
  async flush(): Promise<void> {
    if (this.#length === 0) return;
    this.#closeText();
    const [socket, chunks] = [this.#socket, this.#chunks];
    this.#chunks = [];
    this.#length = 0;
    if (socket.destroyed) throw new ClientGone();
    socket.cork();
    for (const chunk of chunks) socket.write(chunk);
    socket.uncork();
    if (socket.writableNeedDrain) await this.#drained();
  }

  #closeText(): void {
    if (this.#text.length === 0) return;
    this.#chunks.push(Buffer.from(this.#text.join("")));
    this.#text = [];
  }

  async #drained(): Promise<void> {
    this.#idle.touch();
    this.#idle.arm();
    await drainOrClose(this.#socket);
    this.#idle.disarm();
    this.#idle.touch();
    if (this.#socket.destroyed) throw new ClientGone();
  }
}

function drainOrClose(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed) return resolve();
    const done = () => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}
