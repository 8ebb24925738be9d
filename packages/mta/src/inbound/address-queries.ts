/**
 * VRFY and EXPN (RFC 5321 sections 3.5 and 4.1.1.6): who has an address, and to whom it leads, for those whom PrivacyOptions
 * let ask. Texts are Sendmail's.
 */
import { splitAddress } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import { reply } from "../policy/reply.ts";
import { isLocalTarget, targetName } from "../queue/queue-entry.ts";
import { type ResolvedRecipient, resolveRecipient } from "../recipients/resolve.ts";
import { recipientParts } from "./inbound-parts.ts";
import { hasPrivacy } from "./privacy.ts";
import type { SmtpSession } from "./smtp-session.ts";

/** Addresses that one EXPN shows; the session's memory is bounded. */
const MOST_SHOWN = 1000;

/** VRFY: does the address exist? An alias is named as it is, not by where it leads. */
export async function verify(session: SmtpSession, argument: string): Promise<void> {
  if (hasPrivacy(session.inbound.settings(), "novrfy")) {
    const refusal = "Cannot VRFY user; try RCPT to attempt delivery (or try finger)";
    await session.replyHarmless(reply(252, "2.5.2", refusal));
    return;
  }
  const asked = await admitted(session, argument, "needvrfyhelo");
  if (asked === undefined) return;
  const found = await resolve(session, asked);
  if ("code" in found) {
    await session.replyHarmless(found);
    return;
  }
  const [first] = found;
  const isElsewhere = found.length === 1 && first !== undefined && first.address === asked && isRemote(first);
  await session.replyHarmless(reply(isElsewhere ? 252 : 250, "2.1.5", `<${whole(session, asked)}>`));
}

/** EXPN: where an address leads, a line each. */
export async function expand(session: SmtpSession, argument: string): Promise<void> {
  if (hasPrivacy(session.inbound.settings(), "noexpn")) {
    await session.replyHarmless(reply(502, "5.7.0", "Sorry, we do not allow this operation"));
    return;
  }
  const asked = await admitted(session, argument, "needexpnhelo");
  if (asked === undefined) return;
  const found = await resolve(session, asked);
  if ("code" in found) {
    await session.replyHarmless(found);
    return;
  }
  const lines = found.slice(0, MOST_SHOWN).map((recipient) => `<${nameOf(session, recipient)}>`);
  await session.replyHarmlessLines(250, "2.1.5", lines);
}

/** The address asked for, without brackets; undefined when the refusal was sent. */
async function admitted(session: SmtpSession, argument: string, option: string): Promise<string | undefined> {
  if (hasPrivacy(session.inbound.settings(), option) && session.hostNameAppearsAs === false) {
    await session.replyWrong(reply(503, "5.0.0", "I demand that you introduce yourself first"));
    return undefined;
  }
  session.didWork = true;
  const asked = argument
    .trim()
    .replace(/^<(.*)>$/, "$1")
    .trim();
  if (asked === "") {
    await session.replyWrong(reply(501, "5.5.2", "Argument required"));
    return undefined;
  }
  return asked;
}

async function resolve(
  session: SmtpSession,
  asked: string,
): Promise<readonly ResolvedRecipient[] | SmtpReply> {
  const resolved = await resolveRecipient(asked, recipientParts(session.inbound));
  if (resolved.kind === "targets") return [...resolved.recipients];
  // Sendmail names the address here as it was given.
  return { ...resolved.reply, text: resolved.reply.text.replace(`<${asked}>...`, `${asked}...`) };
}

function isRemote({ target }: ResolvedRecipient): boolean {
  return !isLocalTarget(target);
}

function nameOf(session: SmtpSession, { address, target }: ResolvedRecipient): string {
  if (target.kind === "program" || target.kind === "file") return targetName(target);
  return whole(session, address);
}

function whole(session: SmtpSession, address: string): string {
  return splitAddress(address).domain === "" ? `${address}@${session.name}` : address;
}
