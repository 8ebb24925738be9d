/**
 * The content of one message on its way from the parser to whoever takes it in: what smtp-server and our sessions use of the
 * PassThrough that the library makes for it, at a fraction of its price. Written by the parser, read by one `for await`.
 */
import { EventEmitter } from "node:events";

/**
 * Octets that may wait for the next stage: a little more than a socket is read at once, so that a whole piece passes without
 * the stage before it being stopped and started again.
 */
export const WAITING = 72 * 1024;

/** Emits `drain` when there is room again, `close` when it is destroyed, `end` when all has been read or dropped. */
export class MessageStream extends EventEmitter implements AsyncIterableIterator<Buffer> {
  /** Kept by the library. */
  byteLength = 0;
  sizeExceeded = false;
  destroyed = false;
  writableEnded = false;
  readableEnded = false;
  readonly #pieces: Buffer[] = [];
  #octets = 0;
  #full = false;
  #dropping = false;
  #fault: Error | undefined;
  #reader:
    | { readonly done: (read: IteratorResult<Buffer>) => void; readonly fail: (error: Error) => void }
    | undefined;

  get writable(): boolean {
    return !this.destroyed && !this.writableEnded;
  }

  /** @returns false when `drain` is to be waited for */
  write(piece: Buffer): boolean {
    if (!this.writable || this.#dropping) return true;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.done({ done: false, value: piece });
      return true;
    }
    this.#pieces.push(piece);
    this.#octets += piece.length;
    this.#full = this.#octets >= WAITING;
    return !this.#full;
  }

  /** The message is complete. */
  end(piece?: Buffer): void {
    if (!this.writable) return;
    if (piece !== undefined) this.write(piece);
    this.writableEnded = true;
    if (this.#dropping) process.nextTick(() => this.#over());
    const reader = this.#reader;
    if (reader === undefined) return;
    this.#reader = undefined;
    reader.done(this.#over());
  }

  /** It breaks off, and whoever reads it is told. */
  destroy(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#fault = error ?? new Error("the message broke off");
    this.#pieces.length = 0;
    this.#reader?.fail(this.#fault);
    this.#reader = undefined;
    process.nextTick(() => this.emit("close"));
  }

  /** Nobody reads it any more: what is left, and still to come, is dropped. */
  resume(): void {
    this.#dropping = true;
    this.#pieces.length = 0;
    this.#octets = 0;
    this.#drained();
    if (this.writableEnded) process.nextTick(() => this.#over());
  }

  next(): Promise<IteratorResult<Buffer>> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#octets -= piece.length;
      this.#drained();
      return Promise.resolve({ done: false, value: piece });
    }
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    if (this.writableEnded) return Promise.resolve(this.#over());
    return new Promise((done, fail) => {
      this.#reader = { done, fail };
    });
  }

  /** The reader has left its loop. */
  return(): Promise<IteratorResult<Buffer>> {
    if (!this.readableEnded) this.destroy();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #drained(): void {
    if (!this.#full || this.#octets >= WAITING) return;
    this.#full = false;
    this.emit("drain");
  }

  #over(): IteratorResult<Buffer> {
    if (!this.readableEnded) {
      this.readableEnded = true;
      this.emit("end");
    }
    return { done: true, value: undefined };
  }
}
