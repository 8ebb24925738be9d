/**
 * RCPT: to whom (RFC 5321 section 4.1.1.3). policy/relay-decision.ts says whether this client may send there,
 * recipients/resolve.ts whether a recipient of ours exists.
 */
import { delay } from "@mailhost/common/clock";
import type { SmtpReply } from "@mailhost/common/errors";
import { domainForMx } from "../policy/recipient-decision.ts";
import { type Circumstances, decideRecipient } from "../policy/relay-decision.ts";
import { reply, replyAbout } from "../policy/reply.ts";
import { resolveRecipient } from "../recipients/resolve.ts";
import { policyFacts, recipientParts } from "./inbound-parts.ts";
import { setAside } from "./mail-from.ts";
import { readRecipientParameters } from "./mail-parameters.ts";
import { roomFault } from "./mailbox-room.ts";
import { readPathCommand } from "./path-command.ts";
import { mxHostsOf } from "./policy-questions.ts";
import { logNobody } from "./smtp-log.ts";
import type { SmtpSession } from "./smtp-session.ts";
import { MOST_TARGETS, targetsOf } from "./transaction.ts";

export async function rcptTo(session: SmtpSession, argument: string): Promise<void> {
  const { transaction, inbound } = session;
  if (transaction === undefined) {
    await session.replyWrong(reply(503, "5.0.0", "Need MAIL before RCPT"));
    return;
  }
  const path = readPathCommand("TO", argument);
  if (!path.ok) {
    if (path.reply.code === 553) logNobody(inbound.log, session.logId, path.reply);
    await session.replyWrong(path.reply);
    return;
  }
  const { address } = path.value;
  if (address === "") {
    refuse(session, address, replyAbout(address, 553, "5.0.0", "User address required"));
    return;
  }
  const parameters = readRecipientParameters(path.value.parameters);
  if (!parameters.ok) {
    session.reply(parameters.reply);
    return;
  }
  if (!transaction.parameters.smtputf8 && /\P{ASCII}/u.test(address)) {
    session.reply(replyAbout(address, 553, "5.6.7", "Address requires SMTPUTF8"));
    return;
  }
  const key = address.toLowerCase();
  const tooMany =
    transaction.recipients.size >= inbound.settings().smtp.maxRecipients && !transaction.recipients.has(key);
  if (tooMany || targetsOf(transaction.recipients.values()) >= MOST_TARGETS) {
    session.reply(reply(452, "4.5.3", "Too many recipients"));
    return;
  }
  // A promise is waited for only where there is one: nearly every recipient is decided on in this turn.
  const pause = throttle(session);
  if (pause !== undefined) await pause;
  const asked = domainForMx(address, policyFacts(inbound));
  const mxHosts = asked === undefined ? undefined : await mxHostsOf(asked, inbound.resolver());
  const { verdict } = decide(session, address, mxHosts);
  if (verdict.kind === "refuse") {
    refuse(session, address, verdict.reply);
    return;
  }
  if (verdict.kind !== "accept") session.logSetAside("check_rcpt", `<${address}>`, verdict);
  setAside(transaction, verdict);
  // What is thrown away needs no recipient (as in Sendmail, where the rest of the transaction is not looked at).
  if (transaction.discard !== undefined) {
    transaction.recipients.set(key, { address, resolved: [], parameters: parameters.value });
    session.reply(replyAbout(address, 250, "2.1.5", "Recipient ok"));
    return;
  }
  const found = resolveRecipient(address, recipientParts(inbound), session.logId);
  const resolved = found instanceof Promise ? await found : found;
  if (resolved.kind === "refused") {
    session.badRecipients += 1;
    logNobody(inbound.log, session.logId, resolved.reply);
    session.reply(resolved.reply);
    return;
  }
  const room = roomFault(inbound, {
    address,
    resolved: resolved.recipients,
    announcedSize: transaction.parameters.announcedSize ?? 0,
  });
  const full = room instanceof Promise ? await room : room;
  if (full !== undefined) {
    logNobody(inbound.log, session.logId, full);
    session.reply(full);
    return;
  }
  transaction.recipients.set(key, { address, resolved: resolved.recipients, parameters: parameters.value });
  session.reply(replyAbout(address, 250, "2.1.5", "Recipient ok"));
}

/** check_rcpt, after the DNS has been asked what the settings want to know. */
function decide(
  session: SmtpSession,
  address: string,
  mxHosts: Awaited<ReturnType<typeof mxHostsOf>> | undefined,
) {
  const { inbound, sender } = session;
  const known: { -readonly [K in keyof Circumstances]: Circumstances[K] } = {
    networksOnly: session.listener.kind !== "smtp",
  };
  if (mxHosts !== undefined) known.mxHosts = mxHosts;
  if (sender !== undefined) known.sender = sender.given;
  if (sender?.domain !== undefined) known.senderDomain = sender.domain;
  return decideRecipient(session.client, address, policyFacts(inbound), known);
}

function refuse(session: SmtpSession, address: string, r: SmtpReply): void {
  session.badRecipients += 1;
  session.logRejected("check_rcpt", `<${address}>`, r);
  session.reply(r);
}

/** BadRcptThrottle: who guesses addresses waits a second for each answer. */
function throttle(session: SmtpSession): undefined | Promise<void> {
  const { clock, log, settings } = session.inbound;
  const { badRecipientThrottle } = settings().policy;
  if (badRecipientThrottle === 0 || session.badRecipients < badRecipientThrottle) return undefined;
  if (session.badRecipients === badRecipientThrottle)
    log.write("info", `${session.logId}: ${session.relayText}: Possible SMTP RCPT flood, throttling.`);
  return delay(clock, 1000);
}
