/**
 * smtp-server's parser with a short way for single commands and our own reading of message data: constant work an octet (the library's yields to the event loop once
 * per dot-stuffed line), line ends made CRLF, back-pressure from the store to the client's socket.
 */
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { DataDecoder } from "./data-decoder.ts";
import { MessageStream, WAITING } from "./message-stream.ts";

const CR = 0x0d;
const LF = 0x0a;

type Done = (error?: Error | null) => void;

/** The parser of one connection. */
export class DataParser extends SMTPStream {
  #decoder = new DataDecoder();
  /** Told of each piece of a message that came in. */
  onoctets: (octets: number) => void = () => undefined;

  /** @param maxCommandLength octets of the longest command; the library's own limit when absent */
  constructor(maxCommandLength?: number) {
    // Named one by one: what is added to a copy made with `...` gets a hidden class of its own, for each session anew.
    super({ maxCommandLength, highWaterMark: WAITING });
  }

  /** Line ends of the message that came in last, as far as it has come. */
  get lines(): number {
    return this.#decoder.lines;
  }

  /** A chunk that is one whole command, as nearly all are, is given as it came; the library's reading does the rest. */
  override _write(chunk: Buffer, encoding: BufferEncoding | "buffer", done: Done): void {
    const end = chunk.length - 1;
    const isCommand = !this._dataMode && !this.isClosed && this._remainder === "";
    if (!isCommand || end < 0 || end > this._maxCommandLength || chunk.indexOf(LF) !== end) {
      super._write(chunk, encoding, done);
      return;
    }
    let isOver = false;
    let isRunning = true;
    this.oncommand(chunk.subarray(0, chunk[end - 1] === CR ? end - 1 : end), () => {
      if (isOver) return;
      isOver = true;
      // What follows is not read within the command, however many of them wait.
      if (!isRunning) done();
    });
    isRunning = false;
    if (isOver) done();
  }

  override startDataMode(maxBytes?: number | string | null): ReturnType<SMTPStream["startDataMode"]> {
    this.#decoder = new DataDecoder();
    this._dataMode = true;
    this._maxBytes = Number(maxBytes ?? 0) || Number.POSITIVE_INFINITY;
    this._atDataStart = true;
    this.dataBytes = 0;
    // The library's type names a whole PassThrough; what it uses of one is there.
    const stream = new MessageStream() as unknown as ReturnType<SMTPStream["startDataMode"]>;
    this._dataStream = stream;
    return stream;
  }

  override _feedDataStream(chunk: Buffer, done: Done): void {
    const stream = this._dataStream;
    this.onoctets(chunk.length);
    const { content, rest } = this.#decoder.push(chunk);
    this._countDataBytes(content.length);
    if (rest !== undefined) {
      this._endDataMode(content, rest, done);
      return;
    }
    if (content.length === 0 || stream === null || !stream.writable || stream.write(content)) {
      done();
      return;
    }
    const more = () => {
      stream.off("drain", more);
      stream.off("close", more);
      done();
    };
    stream.once("drain", more);
    stream.once("close", more);
  }
}
