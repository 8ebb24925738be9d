/**
 * Rewriting at delivery: what a mailer is given of a message is the message as it looks outside (SENDMAIL MASQUERADE_AS,
 * genericstable, domaintable, always_add_domain). The queue keeps it as it came.
 *
 * Where no such feature is set a message is not even looked into.
 */
import { joinAddress, splitAddress } from "@mailhost/common/address";
import type { Clock } from "@mailhost/common/clock";
import type { Table } from "@mailhost/common/tables/table";
import type { QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";
import type { MessageBody } from "../queue/queue-store.ts";
import {
  type AddressRewriter,
  createAddressRewriter,
  type RewriterParts,
  type Use,
} from "./address-rewriter.ts";
import { HeaderRewriter } from "./header-rewriter.ts";

/** A message as a mailer is to see it. */
export interface Outgoing {
  readonly entry: QueueEntry;
  readonly body: MessageBody;
  readonly recipients: readonly QueueRecipient[];
}

/** Rewrites messages for mailers. */
export interface Rewriting {
  /** The message itself, and no promise, where nothing is to be looked into. */
  apply(message: Outgoing, mailer: Use["mailer"]): Outgoing | Promise<Outgoing>;
}

/** How long it counts that a table has no entries (ms). */
const EMPTY_FOR = 1000;

/** Makes the rewriting of a configuration. */
export function createRewriting(parts: RewriterParts & { readonly clock: Clock }): Rewriting {
  const rewrite = createAddressRewriter(parts);
  const { settings, tables, clock } = parts;
  const tablesInUse = [emptiness(tables.genericstable, clock), emptiness(tables.domaintable, clock)];
  const features = settings.rewrite.alwaysAddDomain || masquerades(settings);
  return {
    apply(message, mailer) {
      const qualify = mailer === "smtp" && isQualified(settings.rewrite.qualifyHeaders, message.entry);
      if (!features && !qualify && tablesInUse.every((isEmpty) => isEmpty())) return message;
      return rewrittenMessage(message, mailer, qualify);
    },
  };

  async function rewrittenMessage(
    message: Outgoing,
    mailer: Use["mailer"],
    qualify: boolean,
  ): Promise<Outgoing> {
    const body = await rewrittenBody(message.body, headerReplacer(rewrite, mailer, qualify));
    return { ...withSenders(message, rewrite, { in: "envelope", role: "sender", mailer, qualify }), body };
  }
}

function masquerades({ rewrite, routing }: RewriterParts["settings"]): boolean {
  return rewrite.masqueradeAs !== undefined || routing.nullClient !== undefined;
}

/** Whether header addresses without a domain are completed in a message that leaves. */
function isQualified(which: "submitted" | "all" | "never", entry: QueueEntry): boolean {
  return which === "all" || (which === "submitted" && entry.origin.protocol === "local");
}

/** Whether a table is empty, asked once in a while: a table that is not there is the ordinary case. */
function emptiness(table: Table, clock: Clock): () => boolean {
  let empty = true;
  let until = Number.NEGATIVE_INFINITY;
  return () => {
    if (clock.now() < until) return empty;
    const [first] = table.entries();
    empty = first === undefined;
    until = clock.now() + EMPTY_FOR;
    return empty;
  };
}

function headerReplacer(rewrite: AddressRewriter, mailer: Use["mailer"], qualify: boolean) {
  return (address: string, role: Use["role"]): string =>
    rewritten(address, rewrite, { in: "header", role, mailer, qualify });
}

function rewritten(address: string, rewrite: AddressRewriter, use: Use): string {
  const given = splitAddress(address);
  const wanted = rewrite(given, use);
  // An address that stays is given back as it was written, a trailing dot and the case of its domain included.
  if (wanted.localPart === given.localPart && wanted.domain === given.domain) return address;
  return joinAddress(wanted);
}

/** The envelope senders: the message's, and those that lists gave to recipients. */
function withSenders({ entry, recipients, body }: Outgoing, rewrite: AddressRewriter, use: Use): Outgoing {
  const outside = (sender: string) => (sender === "" ? sender : rewritten(sender, rewrite, use));
  const sender = outside(entry.sender);
  const theirs = recipients.map((recipient) => {
    const own = recipient.sender === undefined ? undefined : outside(recipient.sender);
    return own === recipient.sender || own === undefined ? recipient : { ...recipient, sender: own };
  });
  return { entry: sender === entry.sender ? entry : { ...entry, sender }, recipients: theirs, body };
}

/** The body with its header rewritten; the very body when nothing in it changes. */
async function rewrittenBody(
  body: MessageBody,
  replace: ConstructorParameters<typeof HeaderRewriter>[0],
): Promise<MessageBody> {
  const grown = await growth(body, new HeaderRewriter(replace));
  if (grown === undefined) return body;
  return {
    size: body.size + grown,
    whole: () => wholeRewritten(body, replace),
    stream: (start = 0) => skipping(rewriteStream(body, replace), start),
  };
}

/** By how many octets the header grows; undefined when it stays as it is. Reads no further than the header. */
async function growth(body: MessageBody, rewriter: HeaderRewriter): Promise<number | undefined> {
  let taken = 0;
  let given = 0;
  for await (const chunk of body.stream()) {
    taken += chunk.length;
    given += lengthOf(rewriter.push(chunk));
    if (rewriter.ended) break;
  }
  given += lengthOf(rewriter.finish());
  return rewriter.changed ? given - taken : undefined;
}

function lengthOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

function wholeRewritten(
  body: MessageBody,
  replace: ConstructorParameters<typeof HeaderRewriter>[0],
): Buffer | undefined {
  const bytes = body.whole();
  if (bytes === undefined) return undefined;
  const rewriter = new HeaderRewriter(replace);
  return Buffer.concat([...rewriter.push(bytes), ...rewriter.finish()]);
}

async function* rewriteStream(
  body: MessageBody,
  replace: ConstructorParameters<typeof HeaderRewriter>[0],
): AsyncGenerator<Buffer> {
  const rewriter = new HeaderRewriter(replace);
  for await (const chunk of body.stream()) yield* rewriter.push(chunk);
  yield* rewriter.finish();
}

async function* skipping(pieces: AsyncIterable<Buffer>, start: number): AsyncGenerator<Buffer> {
  let left = start;
  for await (const piece of pieces) {
    if (left >= piece.length) left -= piece.length;
    else {
      yield left > 0 ? piece.subarray(left) : piece;
      left = 0;
    }
  }
}
