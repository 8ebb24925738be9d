/**
 * How many octets a message will take in an mbox, without writing it.
 */
import type { MboxMessage } from "./append.ts";
import { messageHead } from "./from-line.ts";
import { encodedBound, MboxEncoder } from "./mbox-encoder.ts";

/** The empty line behind a message. */
const SEPARATOR = 1;
const SLICE = 32 * 1024;

type Envelope = Pick<MboxMessage, "sender" | "receivedAt">;

/** At most so many, for a message of `size` octets as SMTP carries it. */
export function largestStoredSize({ sender, receivedAt }: Envelope, size: number): number {
  return messageHead(sender, receivedAt).length + encodedBound(size) + SEPARATOR;
}

/**
 * Exactly so many. The message is read to its end.
 *
 * @throws what its stream throws
 */
export async function storedSize(message: MboxMessage): Promise<number> {
  const encoder = new MboxEncoder();
  const scratch = Buffer.allocUnsafe(encodedBound(SLICE));
  let size = messageHead(message.sender, message.receivedAt).length + SEPARATOR;
  for await (const chunk of message.stream()) {
    for (let from = 0; from < chunk.length; from += SLICE) {
      size += encoder.encode(chunk.subarray(from, from + SLICE), scratch, 0);
    }
  }
  return size + encoder.finish(scratch, 0);
}
