/**
 * Whether a recipient's mailbox has room, asked at RCPT so that the sender hears of it at once. The answer of record is the
 * delivery's (deliver/mailbox-quota.ts), which has the mailbox locked; here its size is looked at.
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { mailboxLimits } from "@mailhost/common/quota/mailbox-limits";
import { mailboxFull, tooLarge } from "../deliver/mailbox-quota.ts";
import { replyAbout } from "../policy/reply.ts";
import type { ResolvedRecipient } from "../recipients/resolve.ts";
import type { InboundParts } from "./inbound-parts.ts";

type RoomParts = Pick<InboundParts, "settings" | "tables" | "mailboxSize">;

/** A recipient and the message for it. */
interface Request {
  /** As given. */
  readonly address: string;
  readonly resolved: readonly ResolvedRecipient[];
  /** Octets that MAIL announced. */
  readonly announcedSize?: number;
}

/**
 * The refusal of a recipient of whom nothing but full mailboxes would come: of a list with one full mailbox the others get
 * the message. Undefined where there is room, where mailboxes have no limit, and where another mailer than our own writes them.
 */
export function roomFault(
  parts: RoomParts,
  request: Request,
): SmtpReply | undefined | Promise<SmtpReply | undefined> {
  const { resolved } = request;
  const { quota, local } = parts.settings();
  if (parts.mailboxSize === undefined || local.mailer !== "mbox") return undefined;
  const limitOf = mailboxLimits(quota, parts.tables.quotas);
  const [first] = resolved;
  // One without a limit is enough, and it is mostly the first.
  if (first?.target.kind !== "mailbox" || limitOf(first.target.name) === 0) return undefined;
  return faultOfAll(parts, request, limitOf);
}

async function faultOfAll(
  { settings, tables, mailboxSize }: RoomParts,
  { address, resolved, announcedSize = 0 }: Request,
  limitOf: (name: string) => number,
): Promise<SmtpReply | undefined> {
  const { quota } = settings();
  if (mailboxSize === undefined) return undefined;
  // A line that can not be read may be the one that lifts the limit: nobody is sent away for good by the others.
  const certain = tables.quotas.faults().length === 0;
  let fault: SmtpReply | undefined;
  for (const { target } of resolved) {
    if (target.kind !== "mailbox") return undefined;
    const limit = limitOf(target.name);
    if (limit === 0) return undefined;
    if (announcedSize > limit && certain) {
      fault ??= tooLarge(limit);
      continue;
    }
    const size = await mailboxSize(target.name);
    // With no size announced, one octet is the least that a message has.
    if (size + Math.max(announcedSize, 1) <= limit) return undefined;
    fault = mailboxFull(certain ? quota.action : "wait");
  }
  return fault === undefined ? undefined : replyAbout(address, fault.code, fault.enhanced, fault.text);
}
