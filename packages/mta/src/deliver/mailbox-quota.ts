/**
 * The limit of a mailbox while its batch is written: which of the messages still fit, counted one after another with the
 * mailbox locked, so that nobody else writes in between.
 *
 * Room is counted in octets of the mbox. A message that makes it exactly as large as it may be fits.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import type { MboxMessage } from "@mailhost/common/mbox/append";
import { missingSeparator } from "@mailhost/common/mbox/append";
import type { LockedMailbox } from "@mailhost/common/mbox/lock";
import { largestStoredSize, storedSize } from "@mailhost/common/mbox/stored-size";
import type { LimitOf } from "@mailhost/common/quota/mailbox-limits";
import type { QuotaSettings } from "@mailhost/common/settings/roaming-settings";
import type { Outcome } from "./outcome.ts";

/** What the local mailer knows of limits. */
export interface MailboxQuota extends Pick<QuotaSettings, "action" | "warnAt"> {
  readonly limitOf: LimitOf;
  /** Whether the table of limits is sound; absent: it is. While it is not, nothing is refused for good for its sake. */
  readonly isCertain?: () => boolean;
  /** In the addresses of warnings. */
  readonly hostname: string;
}

/** A message on its way, and its size as SMTP carries it. */
export type SizedMessage = MboxMessage & { readonly size: number };

/**
 * Says of each message whether it fits.
 *
 * @param action `wait`: a limit is doubtful, and whatever does not fit waits, however large it is
 * @returns an outcome a message; undefined: it may be written
 */
export async function refusalsFor(
  box: LockedMailbox,
  messages: readonly SizedMessage[],
  limit: number,
  action: MailboxQuota["action"] | "wait",
): Promise<(Outcome | undefined)[]> {
  const { size } = await box.file.stat();
  let room = limit - size - (await missingSeparator(box.file, size)).length;
  // Mailboxes are seldom as full as that: only then are messages read to know it to the octet.
  const most = messages.reduce((sum, message) => sum + largestStoredSize(message, message.size), 0);
  if (most <= room) return messages.map(() => undefined);
  const refusals: (Outcome | undefined)[] = [];
  for (const message of messages) {
    const stored = await exactSize(message);
    const fits = stored <= room;
    if (fits) room -= stored;
    refusals.push(
      fits ? undefined : refusal(stored > limit && action !== "wait" ? tooLarge(limit) : mailboxFull(action)),
    );
  }
  return refusals;
}

/** The size in the mbox. A message that can not be read is taken for small: whoever writes it says what is wrong. */
async function exactSize(message: SizedMessage): Promise<number> {
  try {
    return await storedSize(message);
  } catch {
    return 0;
  }
}

/** The reply for a full mailbox. */
export function mailboxFull(action: MailboxQuota["action"] | "wait"): SmtpReply {
  return action === "bounce"
    ? { code: 552, enhanced: "5.2.2", text: "Mailbox full" }
    : { code: 452, enhanced: "4.2.2", text: "Mailbox full" };
}

/** The reply for a message that no waiting makes fit (RFC 3463, X.2.3). */
export function tooLarge(limit: number): SmtpReply {
  return { code: 552, enhanced: "5.2.3", text: `Message is larger than the mailbox may be (${limit})` };
}

function refusal(reply: SmtpReply): Outcome {
  return { kind: reply.code < 500 ? "deferred" : "failed", relay: "local", reply };
}
