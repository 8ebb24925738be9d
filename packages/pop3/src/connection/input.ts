/**
 * What comes from the client, in the order it came: command lines, raw lines of an exchange, a message that is sent to us.
 *
 * Bytes that nobody has asked for yet are held, up to {@link AHEAD}; then no more is read from the connection, so a
 * client that pipelines a million commands fills its own buffers and not ours.
 */
import type { Duplex } from "node:stream";
import { type ClientLine, CommandReader } from "../protocol/command.ts";
import { MessageReader } from "../protocol/message-reader.ts";
import type { IdleTimer } from "./idle-timer.ts";
import { ClientGone } from "./output.ts";

/** Octets that may wait before the connection is read no further. One read from the system may exceed it once. */
const AHEAD = 16 * 1024;
/** Octets of the longest raw line, its line end included; RFC 5034 section 4 leaves the bound to us. */
export const LONGEST_RAW_LINE = 64 * 1024;

/** How a message that a client sent was taken in. */
export type MessageTaken =
  | { readonly kind: "whole"; readonly octets: number }
  /** It was longer than allowed; the rest of it was read and dropped. */
  | { readonly kind: "too-large" };

/** Receives a message's bytes; the next come once it resolves. The bytes are its own to keep. */
export type MessageSink = (bytes: Buffer) => Promise<void> | void;

/** The receiving side of one client. */
export class Input {
  readonly #reader = new CommandReader();
  readonly #idle: IdleTimer;
  #stream: Duplex;
  #paused = false;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(stream: Duplex, idle: IdleTimer) {
    this.#idle = idle;
    this.#stream = stream;
    this.#listen();
  }

  /** The next command that is here already, or undefined: then {@link more} has to be waited for. */
  command(): ClientLine | undefined {
    return this.#reader.next();
  }

  /**
   * Waits until more has come, with the client's time running.
   *
   * @returns false when nothing more will come
   */
  async more(): Promise<boolean> {
    if (this.#ended) return false;
    this.#idle.arm();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#paused) {
        this.#paused = false;
        this.#stream.resume();
      }
    });
    this.#idle.disarm();
    return !this.#ended || this.#reader.waiting > 0;
  }

  /**
   * One line as it came, without its line end; `too-long` for one of more than `longest` octets, which is skipped.
   *
   * @throws ClientGone when the client ended before the end of the line
   */
  async line(longest: number = LONGEST_RAW_LINE): Promise<Buffer | "too-long"> {
    for (;;) {
      const line = this.#reader.line(longest);
      if (line !== undefined) {
        this.#idle.touch();
        return line;
      }
      if (!(await this.more())) throw new ClientGone();
    }
  }

  /**
   * Takes a message in, up to the line with only a dot, dot-stuffing undone, line ends as they came.
   *
   * @param most octets that are given to the sink; of a longer message the sink gets only a beginning
   * @throws ClientGone when the client ended before the dot; what the sink throws, once the rest of the message is read
   */
  async message(sink: MessageSink, most: number): Promise<MessageTaken> {
    const message = new MessageReader();
    let octets = 0;
    let failure: { readonly error: unknown } | undefined;
    for (;;) {
      const chunk = this.#reader.takeWaiting();
      if (chunk !== undefined) {
        const { bytes, rest } = message.take(chunk);
        octets += bytes.length;
        if (bytes.length > 0) {
          // Each piece of a message is a sign of life, as a completed line is.
          this.#idle.touch();
          if (octets <= most && failure === undefined) {
            try {
              await sink(bytes);
            } catch (error) {
              failure = { error };
            }
          }
        }
        if (rest !== undefined) {
          this.#reader.push(rest);
          if (failure !== undefined) throw failure.error;
          return octets <= most ? { kind: "whole", octets } : { kind: "too-large" };
        }
      }
      if (this.#reader.waiting === 0 && !(await this.more())) throw new ClientGone();
    }
  }

  /** Drops what is here and stops listening, so that the stream can be wrapped in another. */
  detach(): void {
    const stream = this.#stream;
    stream.off("data", this.#onData).off("end", this.#onEnd).off("close", this.#onEnd);
    stream.pause();
    while (stream.read() !== null) {
      // What was sent before the encryption began must not count after it (RFC 2595 section 2.4).
    }
    this.#reader.clear();
  }

  /** Goes on with another stream. */
  attach(stream: Duplex): void {
    this.#stream = stream;
    this.#paused = false;
    this.#listen();
  }

  #listen(): void {
    this.#stream.on("data", this.#onData).on("end", this.#onEnd).on("close", this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#reader.push(chunk);
    const wake = this.#wake;
    if (wake !== undefined) {
      this.#wake = undefined;
      wake();
    } else if (!this.#paused && this.#reader.waiting > AHEAD) {
      this.#paused = true;
      this.#stream.pause();
    }
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  };
}
