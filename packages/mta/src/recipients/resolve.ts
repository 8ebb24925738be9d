/**
 * From a recipient's address to where its mail goes.
 *
 * The order is Sendmail's (ruleset 0, then 5): domaintable, `.REDIRECT`, virtusertable, our own domains, mailertable for the
 * others. A local name is looked up among the aliases, handed to a hub where the settings name one, found among the accounts,
 * and sent where its owner's `.forward` says. `user+detail` is tried whole, as `user+*`, then as `user`. Whoever calls this has
 * already decided that the client may send there.
 *
 * Of a list whose members are in part faulty, the sound ones get the message and each other one ends in a report to the sender
 * or the list's owner. Nothing here waits for anybody but the files of the recipient itself.
 */
import { expandGiven } from "./address-step.ts";
import { Expansion } from "./expansion.ts";
import type { RecipientParts, Resolved } from "./recipient-parts.ts";

export type { RecipientParts, Resolved, ResolvedRecipient, ResolveStep } from "./recipient-parts.ts";
export { MAX_ALIAS_DEPTH } from "./recipient-parts.ts";

/**
 * Resolves an envelope address. Refusals are returned; a temporary one when a file of the way cannot be read now. A promise only
 * where a file is read or a directory asked.
 *
 * @param logId the queue id of the message that this is for
 */
export function resolveRecipient(
  address: string,
  parts: RecipientParts,
  logId?: string,
): Resolved | Promise<Resolved> {
  const expansion = new Expansion(parts);
  const reading = expandGiven(expansion, address);
  return reading === undefined ? resultOf(expansion, logId) : reading.then(() => resultOf(expansion, logId));
}

function resultOf(expansion: Expansion, logId: string | undefined): Resolved {
  const { parts } = expansion;
  const { broken, faults, found } = expansion;
  if (broken !== undefined) return { kind: "refused", reply: broken };
  const waits = faults.find((fault) => fault.reply.code < 500);
  if (waits !== undefined) return { kind: "refused", reply: waits.reply };
  if (found.size === 0 && faults[0] !== undefined) return { kind: "refused", reply: faults[0].reply };
  const id = logId === undefined ? "" : `${logId}: `;
  for (const fault of faults) parts.log?.write("info", id + fault.reply.text.replaceAll("\\", "\\\\"));
  return { kind: "targets", recipients: [...found.values(), ...expansion.faultRecipients()] };
}
