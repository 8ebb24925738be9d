/**
 * Commands out of bytes: a line of a POP3 client becomes a verb and what follows it (RFC 1939 section 3).
 *
 * The bytes may come in any chunks. A line longer than {@link LONGEST_LINE} is skipped up to its end and reported as one
 * such line, so a client can make this hold no more than that and the chunks that were not looked at yet. Lines may
 * end in LF alone, as hand-typed ones do.
 */

/** Octets of a line, its CR LF included; RFC 2449 section 4 allows commands of 255, so this is lenient. */
export const LONGEST_LINE = 512;

/** One line of the client. */
export type ClientLine =
  | {
      readonly kind: "command";
      /** In upper case. */
      readonly verb: string;
      /** As the client typed it, for messages. */
      readonly typed: string;
      /** All behind the first space, spaces kept: a password may hold and end in them. */
      readonly argument: string;
    }
  | { readonly kind: "too-long" };

const LF = 10;
const CR = 13;
const NOTHING = Buffer.alloc(0);

/** Cuts a client's bytes into lines and {@link ClientLine}s. */
export class CommandReader {
  /** The start of a line whose end has not come. */
  #begun: Buffer = NOTHING;
  /** The line at hand is too long already; what comes up to its end is dropped. */
  #skipping = false;
  /** Chunks that were not looked at, and the place in the first of them. */
  #chunks: Buffer[] = [];
  #at = 0;
  #waiting = 0;

  /** Octets that were not looked at yet. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Adds what has come. */
  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }

  /** The next command, when all of it is here. */
  next(): ClientLine | undefined {
    const line = this.line(LONGEST_LINE);
    if (line === undefined) return undefined;
    return line === "too-long" ? { kind: "too-long" } : parseLine(line);
  }

  /** Takes a chunk and yields each command that it completes; while one is being carried out the rest waits. */
  *take(chunk: Buffer): Generator<ClientLine> {
    this.push(chunk);
    for (let line = this.next(); line !== undefined; line = this.next()) yield line;
  }

  /**
   * The next line without its line end, when all of it is here.
   *
   * @param longest octets, line end included; a longer line is skipped
   */
  line(longest: number): Buffer | "too-long" | undefined {
    for (;;) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return undefined;
      const end = chunk.indexOf(LF, this.#at);
      const next = end < 0 ? chunk.length : end + 1;
      const part = chunk.subarray(this.#at, next);
      this.#consume(next);
      if (this.#begun.length + part.length > longest) this.#skipping = true;
      if (end < 0) {
        // A copy, so that a few octets do not keep a chunk of 64 KiB.
        this.#begun = this.#skipping ? NOTHING : Buffer.concat([this.#begun, part]);
        continue;
      }
      const line = this.#begun.length === 0 ? part : Buffer.concat([this.#begun, part]);
      const tooLong = this.#skipping;
      this.#begun = NOTHING;
      this.#skipping = false;
      return tooLong ? "too-long" : line.subarray(0, line.length - (line[line.length - 2] === CR ? 2 : 1));
    }
  }

  /** What was not looked at yet, a chunk at a time: for content that is not lines. */
  takeWaiting(): Buffer | undefined {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return undefined;
    const rest = chunk.subarray(this.#at);
    this.#consume(chunk.length);
    return rest;
  }

  /** Forgets all that has come. */
  clear(): void {
    this.#begun = NOTHING;
    this.#skipping = false;
    this.#chunks = [];
    this.#at = 0;
    this.#waiting = 0;
  }

  #consume(to: number): void {
    this.#waiting -= to - this.#at;
    this.#at = to;
    if (to < this.#chunks[0]!.length) return;
    this.#chunks.shift();
    this.#at = 0;
  }
}

/** Parses a line without its line end. */
function parseLine(line: Buffer): ClientLine {
  const text = line.toString("utf8");
  const space = text.indexOf(" ");
  const typed = space < 0 ? text : text.slice(0, space);
  return {
    kind: "command",
    verb: typed.toUpperCase(),
    typed,
    argument: space < 0 ? "" : text.slice(space + 1),
  };
}
