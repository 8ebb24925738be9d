/**
 * A message as programs pipe it to `sendmail`: lines that end in LF or CRLF, up to the end of input or, without -i, to a
 * line with a single dot. Gives CRLF lines, the last one ended too. Holds no more than a chunk.
 */

const LF = 0x0a;
const CR = 0x0d;
const DOT = 0x2e;
/** Longest `From ` line that is looked for, octets. */
const MAX_SEPARATOR = 1024;
const CRLF = Buffer.from("\r\n");

/**
 * The message's content.
 *
 * @param ignoreDots a line with a single dot is content (-i)
 */
export async function* stdinMessage(
  input: AsyncIterable<Buffer>,
  ignoreDots: boolean,
): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  let lineStart = true;
  let first = true;
  for await (const piece of input) {
    const chunk = held.length === 0 ? piece : Buffer.concat([held, piece]);
    held = Buffer.alloc(0);
    const out: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      const lf = chunk.indexOf(LF, at);
      // A short rest may be a dot, a CR before its LF, or the beginning of `From `: it waits for what follows.
      const shortest = first ? MAX_SEPARATOR : 8;
      if (lf < 0 && (chunk.length - at < shortest || chunk[chunk.length - 1] === CR)) {
        const keep = chunk.length - at < shortest ? at : chunk.length - 1;
        if (keep > at) out.push(chunk.subarray(at, keep));
        if (keep > at) lineStart = false;
        held = Buffer.from(chunk.subarray(keep));
        break;
      }
      const end = lf < 0 ? chunk.length : lf > at && chunk[lf - 1] === CR ? lf - 1 : lf;
      const line = chunk.subarray(at, end);
      if (lineStart && lf >= 0 && !ignoreDots && line.length === 1 && line[0] === DOT) {
        yield* out;
        return;
      }
      // The separator of a mailbox file that some programs put before the header.
      const separator = first && lf >= 0 && /^>?From /.test(line.toString("latin1", 0, 6));
      if (!separator) {
        if (line.length > 0) out.push(line);
        if (lf >= 0) out.push(CRLF);
      }
      lineStart = lf >= 0;
      first = false;
      at = lf < 0 ? chunk.length : lf + 1;
    }
    if (out.length > 0) yield Buffer.concat(out);
  }
  const loneDot = lineStart && !ignoreDots && held.length === 1 && held[0] === DOT;
  if (held.length > 0 && !loneDot) yield Buffer.concat([held, CRLF]);
  else if (!lineStart) yield CRLF;
}
