/**
 * STAT, LIST, UIDL, LAST: what is in the mailbox. Deleted messages are not in it (RFC 1939 section 5).
 */
import { ok } from "../protocol/reply.ts";
import type { Transaction } from "../session-state.ts";
import type { Texts } from "../texts/texts.ts";
import { listingPieces } from "./listing-pieces.ts";
import { findMessage, numberRefusals, type Refusals } from "./message-number.ts";
import type { Turn } from "./turn.ts";

/** STAT: number of messages and their octets. */
export async function stat({ output }: Turn, state: Transaction): Promise<Transaction> {
  const { drop } = state;
  await output.line(ok(`${drop.count} ${drop.octets}`));
  return state;
}

/** LIST [n]: octets of one message or of each. */
export async function list({ output, texts, words }: Turn, state: Transaction): Promise<Transaction> {
  const { drop } = state;
  const [word] = words;
  if (word !== undefined) {
    const refusals = { ...numberRefusals(texts), noNumber: texts.unknownListArgument };
    const found = findMessage(drop, word, refusals);
    const reply = found.kind === "refused" ? found.reply : ok(`${found.number} ${found.message.octets}`);
    await output.line(reply);
    return state;
  }
  await output.line(ok(texts.listing(drop.count, drop.octets)));
  for (const piece of listingPieces(drop, "octets")) await output.bytes(piece);
  await output.line(".");
  return state;
}

function uidlRefusals(texts: Texts): Refusals {
  return {
    noNumber: (_, highest) => texts.uidlNotANumber(highest),
    none: texts.uidlOutOfRange,
    deleted: texts.uidlDeleted,
  };
}

/** UIDL [n]: unique id of one message or of each (RFC 1939 section 7). */
export async function uidl({ output, texts, words }: Turn, state: Transaction): Promise<Transaction> {
  const { drop } = state;
  const [word] = words;
  if (word !== undefined) {
    const found = findMessage(drop, word, uidlRefusals(texts));
    await output.line(found.kind === "refused" ? found.reply : ok(`${found.number} ${found.message.uid}`));
    return state;
  }
  await output.line(ok(texts.uidListing));
  for (const piece of listingPieces(drop, "uid")) await output.bytes(piece);
  await output.line(".");
  return state;
}

/** LAST: the highest number retrieved in this session (RFC 1460). */
export async function last({ output, texts }: Turn, state: Transaction): Promise<Transaction> {
  await output.line(ok(texts.lastSeen(state.drop.lastSeen)));
  return state;
}
