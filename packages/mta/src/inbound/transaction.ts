/**
 * One mail transaction: from MAIL to the reply after the data.
 */
import { type NewMessage, type QueueRecipient, targetName } from "../queue/queue-entry.ts";
import type { ResolvedRecipient } from "../recipients/resolve.ts";
import type { MailParameters, RecipientParameters } from "./mail-parameters.ts";

/** A recipient that was accepted. */
export interface AcceptedRecipient {
  /** As given. */
  readonly address: string;
  readonly resolved: readonly ResolvedRecipient[];
  readonly parameters: RecipientParameters;
}

/** A transaction under way. */
export interface Transaction {
  /** Empty for `<>`. */
  readonly sender: string;
  readonly parameters: MailParameters;
  /** By address without case: a second RCPT for an address replaces the first. */
  readonly recipients: Map<string, AcceptedRecipient>;
  /** Set when an access entry says DISCARD: the entry. */
  discard?: string;
}

/** The queue's view of the recipients: after aliases, each destination once. */
export function queueRecipients(accepted: Iterable<AcceptedRecipient>): QueueRecipient[] {
  const recipients = new Map<string, QueueRecipient>();
  for (const { address, resolved, parameters } of accepted) {
    for (const { address: final, target } of resolved) {
      const key =
        target.kind === "remote" ? `remote ${remoteKey(final)}` : `${target.kind} ${targetName(target)}`;
      if (recipients.has(key)) continue;
      recipients.set(key, {
        address: final,
        target,
        originalRecipient: parameters.originalRecipient ?? `rfc822;${address}`,
        ...(parameters.notify === undefined ? {} : { notify: parameters.notify }),
        state: "pending",
      });
    }
  }
  return [...recipients.values()];
}

/** The envelope part of a message record, as the transaction's parameters give it. */
export function envelopeParameters(
  parameters: MailParameters,
): Pick<NewMessage, "bodyType" | "smtputf8" | "dsnReturn" | "envelopeId"> {
  return parameters;
}

/** Another host's address: the local part keeps its case, the domain has none. */
function remoteKey(address: string): string {
  const at = address.lastIndexOf("@");
  return `${address.slice(0, at)}@${address.slice(at + 1).toLowerCase()}`;
}
