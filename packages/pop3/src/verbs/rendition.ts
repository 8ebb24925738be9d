/**
 * What a client gets in place of a message as it stands in the mailbox: a text without MIME where the session or the command
 * asks for that, a surrogate of an internationalised message where the client has not said UTF8, else the message itself.
 */
import { isAscii } from "node:buffer";
import type { IndexedMessage } from "../maildrop/mailbox-index.ts";
import type { Maildrop } from "../maildrop/maildrop.ts";
import { headerOf } from "../maildrop/read-header.ts";
import type { MangleOrder } from "../mangle/mangle-order.ts";
import { MOST_MANGLED, mangledMessage } from "../mangle/mangled-message.ts";
import { MessageEncoder } from "../protocol/message-encoder.ts";
import { needsUtf8, surrogateHeader } from "../surrogate/surrogate.ts";
import type { Turn } from "./turn.ts";

/** A message to send. */
export interface Rendition {
  /** All of it, or its pieces. */
  readonly source: Buffer | AsyncIterable<Buffer>;
  /** Where its header starts and ends, and its octets as sent; `head` and `body` count from any one point. */
  readonly message: Pick<IndexedMessage, "head" | "body" | "octets">;
}

/** Chooses; `source` is the message from its header on. */
export async function renditionOf(
  turn: Turn,
  drop: Maildrop,
  message: IndexedMessage,
  source: Buffer | AsyncIterable<Buffer>,
  order: MangleOrder | undefined = turn.modes.mangle,
): Promise<Rendition> {
  if (order !== undefined && message.end - message.head <= MOST_MANGLED) {
    const bytes = source instanceof Uint8Array ? source : await gathered(source);
    const mangled = mangledMessage(bytes, message.body - message.head, order);
    const octets = encodedOctets(mangled.bytes);
    return { source: mangled.bytes, message: { head: 0, body: mangled.bodyAt, octets } };
  }
  if (turn.modes.utf8) return { source, message };
  const length = message.body - message.head;
  const header = source instanceof Uint8Array ? source.subarray(0, length) : await headerOf(drop, message);
  if (isAscii(header) || header.length < length || !needsUtf8(header)) return { source, message };
  const surrogate = surrogateHeader(header);
  const octets = message.octets - encodedOctets(header) + encodedOctets(surrogate);
  return {
    source:
      source instanceof Uint8Array
        ? Buffer.concat([surrogate, source.subarray(length)])
        : withHeader(surrogate, source, length),
    message: { head: 0, body: surrogate.length, octets },
  };
}

async function gathered(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

async function* withHeader(
  header: Buffer,
  pieces: AsyncIterable<Buffer>,
  skip: number,
): AsyncGenerator<Buffer> {
  yield header;
  let left = skip;
  for await (const piece of pieces) {
    const from = Math.min(left, piece.length);
    left -= from;
    if (from < piece.length) yield piece.subarray(from);
  }
}

function encodedOctets(bytes: Buffer): number {
  const encoder = new MessageEncoder();
  encoder.encode(bytes);
  encoder.finish();
  return encoder.octets;
}
