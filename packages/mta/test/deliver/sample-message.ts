/** Messages to send in tests of the remote mailer. */
import type { QueueEntry, QueueRecipient } from "../../src/queue/queue-entry.ts";
import type { MessageBody } from "../../src/queue/queue-store.ts";

/** A body of the text, streamed in pieces of `piece` octets; in one piece when it is no longer than that. */
export function bodyOf(text: string, piece = 1000): MessageBody {
  const bytes = Buffer.from(text, "latin1");
  return {
    size: bytes.length,
    whole: () => (bytes.length > piece ? undefined : bytes),
    async *stream(start = 0) {
      for (let at = start; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece);
    },
  };
}

/** A recipient at another host. */
export function recipientAt(address: string, more: Partial<QueueRecipient> = {}): QueueRecipient {
  const domain = address.slice(address.lastIndexOf("@") + 1);
  return { address, target: { kind: "remote", domain }, state: "pending", ...more };
}

/** A queue entry for the recipients. */
export function entryFor(recipients: QueueRecipient[], more: Partial<QueueEntry> = {}): QueueEntry {
  return {
    id: "Q1",
    sender: "a@here.example",
    recipients,
    origin: { ip: "127.0.0.1", hostname: "", helo: "", protocol: "ESMTP" },
    bodyType: "7BIT",
    smtputf8: false,
    receivedAt: 0,
    size: 0,
    attempts: 0,
    lastAttemptAt: 0,
    nextAttemptAt: 0,
    warnedAt: 0,
    ...more,
  };
}
