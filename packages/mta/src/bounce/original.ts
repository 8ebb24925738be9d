/**
 * What a report gives back of the message it is about: the whole, or its header.
 */
import type { MessageBody } from "../queue/queue-store.ts";

/** The part of the message that a report carries. */
export interface Original {
  readonly full: boolean;
  readonly bytes: Buffer;
}

/** A message up to this size is given back whole where RET=FULL asks for it (octets). */
export const FULL_LIMIT = 48 * 1024;

/**
 * Reads what to give back.
 *
 * @param full whether the whole message is wanted
 * @param limit octets there is room for; a longer header is cut at the end of a line
 */
export async function readOriginal(body: MessageBody, full: boolean, limit: number): Promise<Original> {
  const whole = full && body.size <= Math.min(FULL_LIMIT, limit);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body.stream()) {
    chunks.push(chunk);
    size += chunk.length;
    if (!whole && size > limit) break;
  }
  const bytes = Buffer.concat(chunks);
  return whole ? { full: true, bytes } : { full: false, bytes: headerOf(bytes, limit) };
}

/** The header with its line ends, without the empty line. */
function headerOf(bytes: Buffer, limit: number): Buffer {
  if (bytes.subarray(0, 2).equals(Buffer.from("\r\n"))) return Buffer.alloc(0);
  const end = bytes.indexOf("\r\n\r\n");
  const header = end < 0 ? bytes : bytes.subarray(0, end + 2);
  if (header.length <= limit) return header;
  const lineEnd = header.subarray(0, limit).lastIndexOf("\r\n");
  return lineEnd < 0 ? Buffer.alloc(0) : header.subarray(0, lineEnd + 2);
}
