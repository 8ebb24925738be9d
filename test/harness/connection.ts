/**
 * A TCP connection read line by line, as bytes: what the SMTP and POP3 clients and the dialogues of the tests stand on.
 */
import { connect, type Socket } from "node:net";

/** A port to connect to, as the ready line prints it. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** How to connect. */
export interface ConnectOptions {
  /** Our own address: any of 127.0.0.0/8 makes another client of us. */
  readonly from?: string;
  /** Milliseconds that the connection and each answer may take; 60 s when not given. */
  readonly patience?: number;
}

const LF = 0x0a;

/** A connection whose other side speaks in lines. */
export class Connection {
  readonly socket: Socket;
  readonly #patience: number;
  #pending: Buffer = Buffer.alloc(0);
  #ended = false;
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  private constructor(socket: Socket, patience: number) {
    this.socket = socket;
    this.#patience = patience;
    socket.on("data", (chunk: Buffer) => {
      this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      this.#wake();
    });
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
    socket.on("error", (error) => {
      this.#failure = error;
      this.#end();
    });
  }

  /** Connects; rejects when the other side refuses. */
  static open(to: Endpoint, options: ConnectOptions = {}): Promise<Connection> {
    const { from, patience = 60_000 } = options;
    return new Promise((resolve, reject) => {
      const socket = connect({
        host: to.host,
        port: to.port,
        ...(from === undefined ? {} : { localAddress: from }),
      });
      socket.setNoDelay(true);
      socket.once("error", reject);
      // Where nobody takes connections up and their queue is full, the system goes on asking for two minutes.
      const late = () => socket.destroy(new Error(`no connection within ${patience / 1000} s`));
      const timer = setTimeout(late, patience);
      socket.once("close", () => clearTimeout(timer));
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.off("error", reject);
        resolve(new Connection(socket, patience));
      });
    });
  }

  /** A connection that the other side opened. */
  static over(socket: Socket, patience = 600_000): Connection {
    return new Connection(socket, patience);
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Waits until more has come or the other side has ended. */
  async #more(waitingFor: string): Promise<void> {
    if (this.#ended)
      throw new Error(`connection ended while waiting for ${waitingFor}`, { cause: this.#failure });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${waitingFor} within ${this.#patience / 1000} s`)),
        this.#patience,
      );
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** The next line as bytes, without its line end. */
  async readLine(): Promise<Buffer> {
    for (let from = 0; ; ) {
      const at = this.#pending.indexOf(LF, from);
      if (at >= 0) {
        const line = this.#pending.subarray(0, at > 0 && this.#pending[at - 1] === 0x0d ? at - 1 : at);
        this.#pending = this.#pending.subarray(at + 1);
        return line;
      }
      from = this.#pending.length;
      await this.#more("line");
    }
  }

  /** The next line as text, one character a byte. */
  async readText(): Promise<string> {
    return (await this.readLine()).toString("latin1");
  }

  /** Everything up to and with a mark. */
  async readThrough(mark: string): Promise<Buffer> {
    for (let from = 0; ; ) {
      const at = this.#pending.indexOf(mark, from, "latin1");
      if (at >= 0) {
        const bytes = this.#pending.subarray(0, at + mark.length);
        this.#pending = this.#pending.subarray(at + mark.length);
        return bytes;
      }
      from = Math.max(0, this.#pending.length - mark.length);
      await this.#more(JSON.stringify(mark));
    }
  }

  /** Has these bytes read next. */
  putBack(bytes: Buffer): void {
    this.#pending = Buffer.concat([bytes, this.#pending]);
  }

  /** What has come and was not read; for pipelined answers of a length that is known. */
  async readBytes(length: number): Promise<Buffer> {
    while (this.#pending.length < length) await this.#more(`${length} octets`);
    const bytes = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    return bytes;
  }

  /** Resolves when the other side has closed; what it still said is returned. */
  async readToEnd(): Promise<Buffer> {
    while (!this.#ended) await this.#more("end");
    return this.#pending;
  }

  /** Writes, and waits while the other side does not read. */
  async write(data: Buffer | string): Promise<void> {
    if (this.#ended || this.socket.destroyed) throw new Error("connection ended", { cause: this.#failure });
    const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    await new Promise<void>((resolve, reject) =>
      this.socket.write(bytes, (error) => (error ? reject(error) : resolve())),
    );
  }

  /** Ends at once. */
  close(): void {
    this.socket.destroy();
  }
}
