/**
 * One mail transaction: from MAIL to the reply after the data.
 */
import {
  type ExpandedAddress,
  type NotifyWhen,
  type QueueRecipient,
  recipientKey,
} from "../queue/queue-entry.ts";
import { pendingRecipient } from "../queue/recipient-copy.ts";
import { recipientFor } from "../recipients/list-owner.ts";
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
  /** Set when an access entry says QUARANTINE: its reason. */
  quarantine?: string;
}

/**
 * Most places that the recipients of one message may lead to before no more are taken. One large list under many names
 * (`list+1`, `list+2`) would else fill memory.
 */
export const MOST_TARGETS = 50_000;

/** How many places the recipients so far lead to. */
export function targetsOf(accepted: Iterable<Pick<AcceptedRecipient, "resolved">>): number {
  let count = 0;
  for (const { resolved } of accepted) count += resolved.length;
  return count;
}

/** The queue's view of the recipients: after aliases, each destination once. */
export function queueRecipients(
  accepted: Iterable<AcceptedRecipient>,
  messageSender: string,
): QueueRecipient[] {
  const recipients: QueueRecipient[] = [];
  const keys = new Set<string>();
  for (const { address, resolved, parameters } of accepted) {
    const { originalRecipient } = parameters;
    const notify = passedOn(parameters.notify, resolved);
    for (const found of resolved) {
      const key = recipientKey(found);
      if (keys.has(key)) continue;
      keys.add(key);
      const recipient = pendingRecipient(recipientFor(found, messageSender));
      if (found.address !== address) recipient.givenAs = address;
      if (originalRecipient !== undefined) recipient.originalRecipient = originalRecipient;
      if (notify !== undefined) recipient.notify = notify;
      recipients.push(recipient);
    }
  }
  return recipients;
}

/**
 * The aliases of which the sender is told that they led to several recipients (RFC 3461 section 5.2.7): those that it asked
 * to hear of success of. Their recipients send no receipts.
 */
export function expandedAddresses(accepted: Iterable<AcceptedRecipient>): ExpandedAddress[] {
  const expanded: ExpandedAddress[] = [];
  for (const { address, resolved, parameters } of accepted) {
    if (resolved.length < 2 || parameters.notify?.includes("SUCCESS") !== true) continue;
    const { originalRecipient } = parameters;
    expanded.push({
      address,
      ...(originalRecipient === undefined ? {} : { originalRecipient }),
      ...(resolved.some(({ sender }) => sender !== undefined) ? { isList: true as const } : {}),
    });
  }
  return expanded;
}

/** NOTIFY as the recipients of an address get it: no SUCCESS for each of several. */
function passedOn(
  notify: readonly NotifyWhen[] | undefined,
  resolved: readonly ResolvedRecipient[],
): readonly NotifyWhen[] | undefined {
  if (notify === undefined || resolved.length < 2 || !notify.includes("SUCCESS")) return notify;
  const left = notify.filter((when) => when !== "SUCCESS");
  return left.length === 0 ? ["NEVER"] : left;
}
