/**
 * What only a session has to tell the log; the rest of a message's life is in log/message-log.ts.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { formatReply } from "../policy/reply.ts";

/** A message was taken and dropped, as the access table asks. */
export function logDiscarded(
  log: Log,
  id: string,
  message: { readonly sender: string; readonly recipients: readonly string[]; readonly relay: string },
  why: string,
): void {
  const to = message.recipients.map((r) => `<${r}>`).join(",");
  log.write("info", `${id}: from=<${message.sender}>, to=${to}, relay=${message.relay}, discarded (${why})`);
}

/** A message was refused after its data. */
export function logRefusedMessage(
  log: Log,
  id: string,
  sender: string,
  relay: string,
  reply: SmtpReply,
): void {
  log.write("info", `${id}: from=<${sender}>, relay=${relay}, reject=${formatReply(reply)}`);
}

/** The client went away in the middle of a message. */
export function logLostInput(log: Log, id: string, sender: string, relay: string): void {
  log.write("info", `${id}: lost input channel from ${relay} to MTA after data, from=<${sender}>`);
}
