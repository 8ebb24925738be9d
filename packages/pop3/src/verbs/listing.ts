/**
 * STAT, LIST, UIDL, LAST: what is in the mailbox. Deleted messages are not in it (RFC 1939 section 5).
 */
import { ok } from "../protocol/reply.ts";
import type { Transaction } from "../session-state.ts";
import { findMessage, messageCount, REFUSALS, type Refusals } from "./message-number.ts";
import type { Turn } from "./turn.ts";

/** STAT: number of messages and their octets. */
export async function stat({ output }: Turn, state: Transaction): Promise<Transaction> {
  const { drop } = state;
  await output.line(ok(`${drop.count} ${drop.octets}`));
  return state;
}

/** LIST [n]: octets of one message or of each. */
export async function list({ output, words }: Turn, state: Transaction): Promise<Transaction> {
  const { drop } = state;
  const [word] = words;
  if (word !== undefined) {
    const refusals = { ...REFUSALS, noNumber: (text: string) => `Unknown LIST argument: ${text}` };
    const found = findMessage(drop, word, refusals);
    const reply = found.kind === "refused" ? found.reply : ok(`${found.number} ${found.message.octets}`);
    await output.line(reply);
    return state;
  }
  await output.line(ok(`${messageCount(drop.count, "visible ")} (${drop.octets} octets)`));
  for (const [number, { octets }] of drop.visible()) await output.line(`${number} ${octets}`);
  await output.line(".");
  return state;
}

const UIDL_REFUSALS: Refusals = {
  noNumber: (_, highest) => `Parameter must be a number between 1 and ${highest}`,
  none: (number) => `Message ${number} out of range.`,
  deleted: (number) => `Message ${number} has been marked for deletion.`,
};

/** UIDL [n]: unique id of one message or of each (RFC 1939 section 7). */
export async function uidl({ output, words }: Turn, state: Transaction): Promise<Transaction> {
  const { drop } = state;
  const [word] = words;
  if (word !== undefined) {
    const found = findMessage(drop, word, UIDL_REFUSALS);
    await output.line(found.kind === "refused" ? found.reply : ok(`${found.number} ${found.message.uid}`));
    return state;
  }
  await output.line(ok("uidl command accepted."));
  for (const [number, { uid }] of drop.visible()) await output.line(`${number} ${uid}`);
  await output.line(".");
  return state;
}

/** LAST: the highest number retrieved in this session (RFC 1460). */
export async function last({ output }: Turn, state: Transaction): Promise<Transaction> {
  await output.line(ok(`${state.drop.lastSeen} is the last message seen.`));
  return state;
}
