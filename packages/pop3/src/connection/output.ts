/**
 * The way to the client, with back-pressure: nothing more is produced while the client does not read.
 *
 * Lines are gathered, so that the replies to a pipelined batch leave in few packets (RFC 2449 section 6.6); whoever
 * has to wait for something else flushes first.
 */
import type { Socket } from "node:net";
import type { IdleTimer } from "./idle-timer.ts";

/** Characters gathered before they are sent. */
const GATHERED = 16 * 1024;

/** The client is gone; nothing can be sent any more. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** Sends lines and bytes to one client. */
export class Output {
  readonly #socket: Socket;
  readonly #idle: IdleTimer;
  #gathered: string[] = [];
  #length = 0;

  constructor(socket: Socket, idle: IdleTimer) {
    this.#socket = socket;
    this.#idle = idle;
  }

  /** Adds a line, its CR LF excluded. Resolves when the next may be added. */
  async line(text: string): Promise<void> {
    this.#gathered.push(text, "\r\n");
    this.#length += text.length + 2;
    if (this.#length >= GATHERED) await this.flush();
  }

  /** Sends what was gathered. */
  async flush(): Promise<void> {
    if (this.#length === 0) return;
    const data = Buffer.from(this.#gathered.join(""));
    this.#gathered = [];
    this.#length = 0;
    await this.#send(data);
  }

  /** Sends bytes behind what was gathered. Resolves when more may be sent. */
  async bytes(data: Buffer): Promise<void> {
    await this.flush();
    await this.#send(data);
  }

  async #send(data: Buffer): Promise<void> {
    const socket = this.#socket;
    if (socket.destroyed) throw new ClientGone();
    if (socket.write(data)) return;
    this.#idle.touch();
    this.#idle.arm();
    await new Promise<void>((resolve) => {
      const done = () => {
        socket.off("drain", done);
        socket.off("close", done);
        resolve();
      };
      socket.on("drain", done);
      socket.on("close", done);
    });
    this.#idle.disarm();
    this.#idle.touch();
    if (socket.destroyed) throw new ClientGone();
  }
}
