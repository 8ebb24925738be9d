/**
 * Carries what a client sends from its socket to smtp-server's parser, in place of a pipe: a pipe's Writable and its dozen listeners
 * cost more than the reading of the commands. One chunk at a time; what comes while the parser is at work waits, and the socket with it.
 */
import type { Socket } from "node:net";
import type { DataParser } from "./data-parser.ts";

/** The feed of one connection; it runs from its making until {@link ParserFeed.stop}, or the end of the input. */
export class ParserFeed {
  readonly #socket: Socket;
  readonly #parser: DataParser;
  readonly #came: (() => void) | undefined;
  readonly #waiting: Buffer[] = [];
  #busy = false;
  #ended = false;
  #stopped = false;
  #paused = false;
  #news = false;

  /** @param came called for each chunk, before the parser has it */
  constructor(socket: Socket, parser: DataParser, came?: () => void) {
    this.#socket = socket;
    this.#parser = parser;
    this.#came = came;
    socket.on("data", this.#take);
    socket.on("end", this.#end);
  }

  /** Takes its hands off the socket, which it leaves paused. What waits is dropped. */
  stop(): void {
    this.#stopped = true;
    this.#waiting.length = 0;
    this.#socket.off("data", this.#take);
    this.#socket.off("end", this.#end);
    this.#socket.pause();
  }

  /** Whether anything has come since this was last asked. */
  takeNews(): boolean {
    const news = this.#news;
    this.#news = false;
    return news;
  }

  readonly #take = (chunk: Buffer): void => {
    this.#news = true;
    this.#came?.();
    if (!this.#busy) {
      this.#give(chunk);
      return;
    }
    // Nobody reads any more what comes after the end of a session.
    if (this.#parser.isClosed) return;
    this.#waiting.push(chunk);
    this.#paused = true;
    this.#socket.pause();
  };

  /** A last line may lack its end. */
  readonly #end = (): void => {
    this.#ended = true;
    if (!this.#busy) this.#parser._flushData();
  };

  #give(chunk: Buffer): void {
    this.#busy = true;
    this.#parser._write(chunk, "buffer", this.#done);
  }

  readonly #done = (error?: Error | null): void => {
    this.#busy = false;
    if (this.#stopped) return;
    if (error) {
      this.stop();
      this.#parser.emit("error", error);
      return;
    }
    const next = this.#waiting.shift();
    if (next !== undefined) this.#give(next);
    else if (this.#ended) this.#parser._flushData();
    else if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
  };
}
