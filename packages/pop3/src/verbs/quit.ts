/**
 * QUIT: the end, and after a login the UPDATE state (RFC 1939 section 6). Success is said only when what was deleted
 * is gone, or, where much has to move, certainly will be: see maildrop/update.ts.
 */

import { updateMaildrop } from "../maildrop/update.ts";
import { err, ok } from "../protocol/reply.ts";
import { maildropContext } from "../services.ts";
import type { Authorization, Over, Transaction } from "../session-state.ts";
import { logStats } from "./session-log.ts";
import type { Turn } from "./turn.ts";

/** QUIT. */
export async function quit(turn: Turn, state: Authorization | Transaction): Promise<Over> {
  const { services, options, output, texts } = turn;
  const over: Over = { kind: "over" };
  const goodbye = ok(texts.signingOff(services.settings().hostname));
  if (state.kind === "authorization") {
    await output.line(goodbye);
    return over;
  }
  const { drop, user } = state;
  if (options.autoDelete) drop.deleteRetrieved();
  const updated = await updateMaildrop(maildropContext(services), drop, options);
  await drop.close();
  if (updated.kind === "done") {
    logStats(turn, user, drop, true);
    await output.line(goodbye);
    return over;
  }
  logStats(turn, user, drop, false);
  services.log.write("error", `POP mailbox update for ${user} failed! ${updated.reason}`);
  await output.line(err(texts.updateFailed(user), "SYS/TEMP"));
  return over;
}
