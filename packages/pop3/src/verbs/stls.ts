/**
 * STLS (RFC 2595 section 4): the connection is encrypted from here on, and all that the client said before is forgotten.
 */
import { err, ok } from "../protocol/reply.ts";
import { firstModes } from "../session-modes.ts";
import type { Authorization } from "../session-state.ts";
import type { Turn } from "./turn.ts";

/** STLS. */
export async function stls(turn: Turn, state: Authorization): Promise<Authorization> {
  const { output, texts, client } = turn;
  if (await turn.startTls(ok(texts.beginTls))) {
    Object.assign(turn.modes, firstModes());
    return { kind: "authorization" };
  }
  await output.line(err(client.secure ? texts.tlsIsActive : texts.noTls));
  return state;
}
