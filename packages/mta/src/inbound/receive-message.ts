/**
 * Streams a message into the queue store: our trace header on top, hops counted, the size bounded, nothing held but
 * one line of the header. The message is not in the queue until the caller commits the writer.
 *
 * The content is always read to its end, so that the client's protocol stays in step; after a fault the rest is
 * read and dropped, and nothing is left in the store.
 */
import { errnoOf, type SmtpReply } from "@mailhost/common/errors";
import { reply } from "../policy/reply.ts";
import type { MessageWriter, QueueStore } from "../queue/queue-store.ts";
import { HeaderFilter, type HeaderRules, type HeaderSummary } from "./header-filter.ts";
import { exceedsSize } from "./mail-parameters.ts";

const LF = 0x0a;

/** How a message is taken in. */
export interface Intake {
  readonly store: Pick<QueueStore, "receive">;
  /** The id that the transaction has been given; absent: a new one. */
  readonly id?: string;
  /** The trace header for the id that the message will have. */
  readonly trace: (id: string) => string;
  /** Octets of content, our trace header not counted. */
  readonly maxSize: number;
  /** Received headers that a message may bring. */
  readonly maxHops: number;
  readonly header: (id: string) => HeaderRules;
  /** Line ends of the content, when who gives it has counted them by its end; absent: they are counted here. */
  readonly lines?: () => number;
  /** Told of each piece of the content that nobody has a use for any more. */
  readonly doneWith?: (piece: Buffer) => void;
  /** `from <a@b> via host [ip], to <c@d>`, for the refusal of a message that loops. */
  readonly route?: string;
}

/** A message that is stored but not yet committed, or the refusal. */
export type Taken =
  | {
      readonly kind: "stored";
      readonly writer: MessageWriter;
      readonly seen: HeaderSummary;
      /** Octets of the content with LF line ends. */
      readonly countedSize: number;
    }
  | {
      readonly kind: "refused";
      readonly id: string;
      readonly reply: SmtpReply;
      /** Octets of content that came. */
      readonly size: number;
      readonly cause?: unknown;
    };

/** The message's source ended before the message did. */
export class LostInputError extends Error {
  override readonly name = "LostInputError";
  readonly id: string;

  constructor(id: string, options: ErrorOptions) {
    super("the client went away before the message was complete", options);
    this.id = id;
  }
}

/**
 * Takes a message in.
 *
 * @param content CRLF line ends
 * @throws LostInputError when the content breaks off
 */
export async function takeMessage(content: AsyncIterable<Buffer>, intake: Intake): Promise<Taken> {
  const writer = intake.store.receive(intake.id);
  const { id } = writer;
  const filter = new HeaderFilter(intake.header(id));
  let refusal: { readonly reply: SmtpReply; readonly cause?: unknown } | undefined;
  const store = async (pieces: readonly Buffer[]) => {
    try {
      // As one: a header of short lines would otherwise cost a system call for every few octets.
      if (pieces.length > 0) await writer.write(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
    } catch (cause) {
      refusal ??= { reply: storageReply(cause), cause };
    }
  };
  let size = 0;
  let lines = 0;
  await store([Buffer.from(intake.trace(id))]);
  try {
    for await (const chunk of content) {
      size += chunk.length;
      if (intake.lines === undefined) lines += linesOf(chunk);
      if (size > intake.maxSize) refusal ??= { reply: exceedsSize(intake.maxSize) };
      if (refusal !== undefined) continue;
      const isBody = filter.hasEnded;
      await store(filter.push(chunk));
      if (isBody && !writer.holdsPieces) intake.doneWith?.(chunk);
      if (filter.seen.hops > intake.maxHops) refusal ??= { reply: tooManyHops(filter.seen.hops, intake) };
    }
  } catch (cause) {
    await writer.abort();
    throw new LostInputError(id, { cause });
  }
  if (refusal === undefined) await store(filter.finish());
  if (refusal === undefined && filter.seen.hops > intake.maxHops) {
    refusal = { reply: tooManyHops(filter.seen.hops, intake) };
  }
  if (refusal === undefined) {
    return { kind: "stored", writer, seen: filter.seen, countedSize: size - (intake.lines?.() ?? lines) };
  }
  await writer.abort();
  return { kind: "refused", id, size, ...refusal };
}

function linesOf(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(LF); at >= 0; at = chunk.indexOf(LF, at + 1)) lines += 1;
  return lines;
}

/** The reply to a client whose message could not be stored: always temporary, the client keeps it. */
export function storageReply(cause: unknown): SmtpReply {
  const errno = errnoOf(cause);
  return errno === "ENOSPC" || errno === "EDQUOT"
    ? reply(452, "4.3.1", "Insufficient disk space; try again later")
    : reply(451, "4.3.0", "Message could not be stored; try again later");
}

function tooManyHops(hops: number, { maxHops, route }: Intake): SmtpReply {
  return reply(
    554,
    "5.4.6",
    `Too many hops ${hops} (${maxHops} max)${route === undefined ? "" : `: ${route}`}`,
  );
}
