/**
 * Copies of recipients that all have one hidden class. With `{ ...recipient }`, V8 of Node 20 gives each copy that gets another field
 * later a new one, kept until a full collection, and all code that reads it has to look the fields up anew: 1 KB and 0.03 ms a message.
 */
import type { QueueRecipient } from "./queue-entry.ts";

/** A recipient whose fields can be set. */
export type ChangeableRecipient = { -readonly [K in keyof QueueRecipient]: QueueRecipient[K] };

/** Fields that a recipient need not have. All of them are named here, or it does not compile. */
const OPTIONAL: Record<Exclude<keyof QueueRecipient, "address" | "target" | "state">, true> = {
  sender: true,
  senderUser: true,
  controlling: true,
  writtenAs: true,
  givenAs: true,
  originalRecipient: true,
  notify: true,
  attempts: true,
  lastReply: true,
  lastRelay: true,
  remoteMta: true,
  transcript: true,
  dsnRelayed: true,
  dueAt: true,
  forced: true,
  expired: true,
};
const OPTIONAL_FIELDS = Object.keys(OPTIONAL) as (keyof typeof OPTIONAL)[];

/** Who a message is for, as look-ups found it. */
type Found = Pick<
  QueueRecipient,
  "address" | "target" | "sender" | "senderUser" | "controlling" | "writtenAs"
>;

/** A recipient that nothing has become of yet. */
export function pendingRecipient(found: Found): ChangeableRecipient {
  const recipient: ChangeableRecipient = { address: found.address, target: found.target, state: "pending" };
  if (found.sender !== undefined) recipient.sender = found.sender;
  if (found.senderUser !== undefined) recipient.senderUser = found.senderUser;
  if (found.controlling !== undefined) recipient.controlling = found.controlling;
  if (found.writtenAs !== undefined) recipient.writtenAs = found.writtenAs;
  return recipient;
}

/** A copy; what it consists of is the same. */
export function copyOfRecipient(recipient: QueueRecipient): QueueRecipient {
  const copy: ChangeableRecipient = {
    address: recipient.address,
    target: recipient.target,
    state: recipient.state,
  };
  for (const name of OPTIONAL_FIELDS) if (recipient[name] !== undefined) carry(recipient, name, copy);
  return copy;
}

function carry<K extends keyof QueueRecipient>(from: QueueRecipient, name: K, to: ChangeableRecipient): void {
  to[name] = from[name];
}
