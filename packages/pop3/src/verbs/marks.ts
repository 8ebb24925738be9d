/**
 * DELE, RSET, NOOP: marks on messages. Nothing is removed before QUIT.
 */
import { ok } from "../protocol/reply.ts";
import type { Transaction } from "../session-state.ts";
import { findMessage, numberRefusals } from "./message-number.ts";
import type { Turn } from "./turn.ts";

/** DELE n. Other than Qpopper, and as RFC 1939 has it, a message that is deleted can not be deleted again. */
export async function dele({ output, texts, words }: Turn, state: Transaction): Promise<Transaction> {
  const found = findMessage(state.drop, words[0] ?? "", numberRefusals(texts));
  if (found.kind === "refused") {
    await output.line(found.reply);
    return state;
  }
  state.drop.delete(found.number);
  await output.line(ok(texts.deleted(found.number)));
  return state;
}

/** RSET: all marks are taken back. */
export async function rset({ output, texts }: Turn, state: Transaction): Promise<Transaction> {
  state.drop.reset();
  await output.line(ok(texts.reset(state.drop.count, state.drop.octets)));
  return state;
}

/** NOOP, in Qpopper's words. */
export async function noop({ output, texts }: Turn, state: Transaction): Promise<Transaction> {
  await output.line(ok(texts.noop));
  return state;
}
