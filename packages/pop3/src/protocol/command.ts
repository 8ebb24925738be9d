/**
 * Commands out of bytes: a line of a POP3 client becomes a verb and what follows it (RFC 1939 section 3).
 *
 * The bytes may come in any chunks. A line longer than {@link LONGEST_LINE} is skipped up to its end and reported as one
 * such line, so a client can make this hold no more than that. Lines may end in LF alone, as hand-typed ones do.
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

/** Cuts a client's bytes into {@link ClientLine}s. */
export class CommandReader {
  #pending: Buffer = Buffer.alloc(0);
  /** The line at hand is too long already; what comes up to its end is dropped. */
  #skipping = false;

  /**
   * Takes a chunk and yields each line that it completes, one at a time: while a command is being carried out the rest
   * of the chunk waits.
   */
  *take(chunk: Buffer): Generator<ClientLine> {
    let at = 0;
    while (at < chunk.length) {
      const end = chunk.indexOf(LF, at);
      const part = chunk.subarray(at, end < 0 ? chunk.length : end + 1);
      at += part.length;
      if (this.#pending.length + part.length > LONGEST_LINE) this.#skipping = true;
      if (end < 0) {
        this.#pending = this.#skipping ? Buffer.alloc(0) : Buffer.concat([this.#pending, part]);
        return;
      }
      const line = this.#skipping
        ? undefined
        : this.#pending.length === 0
          ? part
          : Buffer.concat([this.#pending, part]);
      this.#pending = Buffer.alloc(0);
      this.#skipping = false;
      yield line === undefined ? { kind: "too-long" } : parseLine(line);
    }
  }
}

/** Parses a line with its line end. */
function parseLine(line: Buffer): ClientLine {
  const end = line.length - (line[line.length - 2] === CR ? 2 : 1);
  const text = line.toString("utf8", 0, end);
  const space = text.indexOf(" ");
  const typed = space < 0 ? text : text.slice(0, space);
  return {
    kind: "command",
    verb: typed.toUpperCase(),
    typed,
    argument: space < 0 ? "" : text.slice(space + 1),
  };
}
