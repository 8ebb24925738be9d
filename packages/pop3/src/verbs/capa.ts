/**
 * CAPA (RFC 2449 section 5): what the server can do.
 */
import { ok } from "../protocol/reply.ts";
import type { Authorization, Transaction } from "../session-state.ts";
import type { Verb } from "./table.ts";
import type { SessionOptions, Turn } from "./turn.ts";

const SECOND = 1000;

/** Lists the capabilities of the verbs, then the server's own. */
export async function capa<State extends Authorization | Transaction>(
  turn: Turn,
  state: State,
  verbs: Iterable<Verb>,
): Promise<State> {
  const { output, texts, options } = turn;
  await output.line(ok(texts.capabilityList));
  const loggedIn = state.kind === "transaction";
  for (const verb of verbs) {
    for (const line of verb.capabilities?.(turn, loggedIn) ?? []) await output.line(line);
  }
  for (const line of ownCapabilities(options, loggedIn)) await output.line(line);
  await output.line(".");
  return state;
}

/** What no verb brings along. */
function ownCapabilities(options: SessionOptions, loggedIn: boolean): string[] {
  const lines = ["RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "X-MANGLE"];
  // Users' own options are read at the login, and may say something else.
  const mayChange = !loggedIn && (options.userOptions || options.spoolOptions);
  const expire = options.autoDelete ? 0 : options.announceExpire;
  // Section 6.7: before the login the smallest figure that any user could have.
  lines.push(mayChange ? "EXPIRE 0 USER" : `EXPIRE ${expire < 0 ? "NEVER" : expire}`);
  const delay = Math.ceil(options.announceLoginDelay / SECOND);
  // Section 6.5: before the login the largest; nobody knows it, so it is the site's.
  if (delay > 0) lines.push(`LOGIN-DELAY ${delay}${mayChange ? " USER" : ""}`);
  // Section 6.9: no name for those who want to know which faults to try.
  if (!options.shy) lines.push("IMPLEMENTATION mailhost");
  return lines;
}
