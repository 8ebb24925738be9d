/**
 * The message of Sendmail's queue files as it is relayed: the header of the control file, an empty line, the body of the `df`
 * file with CRLF line ends.
 */

const LF = 0x0a;
const CR = 0x0d;
const EMPTY_LINE = "\r\n";

/** Streams it. */
export async function* messageFromDf(header: string, body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(`${header}${EMPTY_LINE}`, "latin1");
  let last = LF;
  for await (const piece of body) {
    if (piece.length === 0) continue;
    yield withCrlf(piece, last);
    last = piece[piece.length - 1]!;
  }
  if (last !== LF) yield Buffer.from(last === CR ? "\n" : EMPTY_LINE);
}

/** Each LF as CRLF; one that has its CR keeps it. */
function withCrlf(piece: Buffer, before: number): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = piece.indexOf(LF); at >= 0; at = piece.indexOf(LF, at + 1)) {
    if ((at === 0 ? before : piece[at - 1]) === CR) continue;
    parts.push(piece.subarray(from, at), Buffer.from(EMPTY_LINE));
    from = at + 1;
  }
  parts.push(piece.subarray(from));
  return Buffer.concat(parts);
}
