/**
 * CAPA (RFC 2449 section 5): what the server can do.
 */
import { ok } from "../protocol/reply.ts";
import type { Authorization, Transaction } from "../session-state.ts";
import type { Verb } from "./table.ts";
import type { Turn } from "./turn.ts";

/** What no verb brings along. Mail is kept until its owner deletes it. */
const ALWAYS = ["RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "IMPLEMENTATION mailhost"];

/** Lists the capabilities of the verbs, then the server's own. */
export async function capa<State extends Authorization | Transaction>(
  turn: Turn,
  state: State,
  verbs: Iterable<Verb>,
): Promise<State> {
  const { output, texts } = turn;
  await output.line(ok(texts.capabilityList));
  for (const verb of verbs) for (const line of verb.capabilities?.(turn) ?? []) await output.line(line);
  for (const line of ALWAYS) await output.line(line);
  await output.line(".");
  return state;
}
