/**
 * Standard input without Node's streams, whose loading takes longer than to read a message: programs wait for us.
 */
import { read } from "node:fs";
import { errnoOf } from "@mailhost/common/errors";

const CHUNK = 64 * 1024;

/** What comes on standard input, up to its end. */
export async function* standardInput(): AsyncGenerator<Buffer> {
  for (;;) {
    let piece: Buffer;
    try {
      piece = await readPiece();
    } catch (error) {
      const code = errnoOf(error);
      if (code === "EOF") return;
      // Somebody made the pipe one that does not block: the stream knows how to wait for it.
      if (code !== "EAGAIN") throw error;
      yield* process.stdin;
      return;
    }
    if (piece.length === 0) return;
    yield piece;
  }
}

function readPiece(): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafe(CHUNK);
    read(0, buffer, 0, CHUNK, null, (error, count) => {
      if (error === null) resolve(buffer.subarray(0, count));
      else reject(error);
    });
  });
}
