/**
 * The way to the client, with back-pressure: nothing more is produced while the client does not read.
 *
 * What is sent is gathered in a block, so that a status line, the message behind it, and the replies to a pipelined batch
 * leave in one call (RFC 2449 section 6.6); whoever has to wait for something else flushes first. An idle client has no block.
 */
import type { Duplex } from "node:stream";
import type { IdleTimer } from "./idle-timer.ts";

/** Octets of a block. */
const BLOCK = 64 * 1024;
/** Blocks that are kept for whoever sends next. */
const KEPT = 64;
/** Octets that the system has not taken yet, from which on the client is waited for. */
const BEHIND = BLOCK;

/** The client is gone; nothing can be sent any more. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/** Errors that only say that the client is gone. */
export function isConnectionError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? "";
  return /^(ECONN|EPIPE|ETIMEDOUT|ENOTCONN|EHOSTUNREACH|ENETUNREACH|ERR_STREAM|ERR_SSL|EPROTO)/.test(code);
}

/** Is told of all that goes to the client. */
export interface OutputWitness {
  line(text: string): void;
  bytes(octets: number): void;
}

/** A message with its status line and the dot behind it, made before it is asked for. */
export interface PreparedReply {
  readonly status: string;
  /** Octets between the status line and the dot. */
  readonly octets: number;
  readonly block: Buffer;
  readonly filled: number;
}

/** Octets of memory that a prepared reply takes. */
export const PREPARED = BLOCK;

/** Blocks that no connection uses: one comes back when the system has taken what was in it. */
const idleBlocks: Buffer[] = [];
const NOTHING = Buffer.alloc(0);
const DONE = Promise.resolve();

/** Sends lines and bytes to one client. */
export class Output {
  /** Sees what is sent (pop3.traceFile). */
  witness: OutputWitness | undefined;
  readonly #idle: IdleTimer;
  #socket: Duplex;
  #block: Buffer = NOTHING;
  #filled = 0;

  constructor(socket: Duplex, idle: IdleTimer) {
    this.#idle = idle;
    this.#socket = socket;
  }

  /** Goes on over another stream; what was gathered is sent before. */
  attach(socket: Duplex): void {
    this.#socket = socket;
  }

  /** Adds a line, its CR LF excluded. Resolves when the next may be added. */
  line(text: string): Promise<void> {
    this.#addLine(text);
    return this.#room();
  }

  /** Adds bytes, which are copied at once. Resolves when more may be added. */
  bytes(data: Buffer): Promise<void> {
    this.witness?.bytes(data.length);
    this.#copy(data);
    return this.#room();
  }

  /**
   * Adds a status line, a message of bounded size in two parts, and the dot behind it.
   *
   * @returns undefined when more may be added at once, else what resolves when it may
   */
  message(status: string, body: Buffer, rest: Buffer): Promise<void> | undefined {
    this.#addLine(status);
    this.witness?.bytes(body.length + rest.length);
    this.#copy(body);
    this.#copy(rest);
    this.#addLine(".");
    return this.#wait();
  }

  /** Makes what {@link message} would add, for later; undefined when it is too large for that. */
  prepare(status: string, body: Buffer, rest: Buffer): PreparedReply | undefined {
    const octets = body.length + rest.length;
    if (3 * status.length + octets + 5 > BLOCK) return undefined;
    const block = idleBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK);
    let filled = block.write(`${status}\r\n`, "utf8");
    filled += body.copy(block, filled);
    filled += rest.copy(block, filled);
    filled += block.write(".\r\n", filled, "latin1");
    return { status, octets, block, filled };
  }

  /** Adds what was prepared, which must not be used again; returns as {@link message}. */
  prepared({ status, octets, block, filled }: PreparedReply): Promise<void> | undefined {
    this.witness?.line(status);
    this.witness?.bytes(octets);
    this.witness?.line(".");
    if (this.#filled === 0) {
      this.#block = block;
      this.#filled = filled;
    } else {
      this.#copy(block.subarray(0, filled));
      giveBack(block);
    }
    return this.#wait();
  }

  /** Sends what was gathered. Resolves when more may be sent. */
  flush(): Promise<void> {
    this.#write();
    return this.#room();
  }

  #addLine(text: string): void {
    this.witness?.line(text);
    const most = 3 * text.length + 2;
    if (most > BLOCK) {
      this.#copy(Buffer.from(`${text}\r\n`));
      return;
    }
    if (most > this.#block.length - this.#filled) this.#nextBlock();
    this.#filled += this.#block.write(text, this.#filled, "utf8");
    this.#block[this.#filled++] = 13;
    this.#block[this.#filled++] = 10;
  }

  #copy(data: Buffer): void {
    for (let at = 0; at < data.length; ) {
      if (this.#filled === this.#block.length) this.#nextBlock();
      const some = data.copy(this.#block, this.#filled, at);
      this.#filled += some;
      at += some;
    }
  }

  #nextBlock(): void {
    this.#write();
    this.#block = idleBlocks.pop() ?? Buffer.allocUnsafeSlow(BLOCK);
  }

  #write(): void {
    const [socket, block, filled] = [this.#socket, this.#block, this.#filled];
    if (filled === 0) return;
    this.#block = NOTHING;
    this.#filled = 0;
    if (socket.destroyed) return;
    socket.write(block.subarray(0, filled), () => giveBack(block));
  }

  /** Resolves when the client has taken so much that it may be given more. */
  #room(): Promise<void> {
    return this.#wait() ?? DONE;
  }

  #wait(): Promise<void> | undefined {
    const socket = this.#socket;
    if (socket.destroyed) return Promise.reject(new ClientGone());
    // What the system has taken at once is gone from the stream's buffer already.
    return socket.writableLength < BEHIND ? undefined : this.#drained();
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

function giveBack(block: Buffer): void {
  if (idleBlocks.length < KEPT) idleBlocks.push(block);
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
