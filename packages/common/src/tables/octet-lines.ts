/**
 * Lines of a stream as strings of octets, in batches, with the digest and the size of all that came.
 */
import { createHash } from "node:crypto";

const BYTE_ORDER_MARK = "\xef\xbb\xbf";

/** Reads a stream line by line; only the line at hand is held. */
export class OctetLines {
  readonly #stream: AsyncIterable<Buffer | string>;
  readonly #hash = createHash("sha256");
  #size = 0;

  constructor(stream: AsyncIterable<Buffer | string>) {
    this.#stream = stream;
  }

  /** Octets read so far. */
  get size(): number {
    return this.#size;
  }

  /** SHA-256 of what was read, hexadecimal; asked for once, at the end. */
  digest(): string {
    return this.#hash.digest("hex");
  }

  /** The lines without their ends (LF or CR LF); a byte order mark and what follows the last newline when empty are left out. */
  async *batches(): AsyncGenerator<readonly string[]> {
    let rest = "";
    let first = true;
    for await (const given of this.#stream) {
      const chunk = Buffer.isBuffer(given) ? given : Buffer.from(given);
      this.#hash.update(chunk);
      this.#size += chunk.length;
      const lines = (rest + chunk.toString("latin1")).split("\n");
      rest = lines.pop()!;
      if (first && lines.length > 0) {
        lines[0] = withoutMark(lines[0]!);
        first = false;
      }
      yield lines.map(withoutReturn);
    }
    if (rest !== "") yield [withoutReturn(first ? withoutMark(rest) : rest)];
  }
}

function withoutMark(line: string): string {
  return line.startsWith(BYTE_ORDER_MARK) ? line.slice(BYTE_ORDER_MARK.length) : line;
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
