/**
 * RCPT: to whom (RFC 5321 section 4.1.1.3). policy/relay-decision.ts says whether this client may send there,
 * recipients/resolve.ts whether a recipient of ours exists.
 */
import { decideRecipient } from "../policy/relay-decision.ts";
import { reply, replyAbout } from "../policy/reply.ts";
import { resolveRecipient } from "../recipients/resolve.ts";
import { policyFacts, recipientParts } from "./inbound-parts.ts";
import { readRecipientParameters } from "./mail-parameters.ts";
import { readPathCommand } from "./path-command.ts";
import type { SmtpSession } from "./smtp-session.ts";

export async function rcptTo(session: SmtpSession, argument: string): Promise<void> {
  const { transaction, inbound } = session;
  if (transaction === undefined) {
    await session.replyWrong(reply(503, "5.0.0", "Need MAIL before RCPT"));
    return;
  }
  const path = readPathCommand("TO", argument);
  if (!path.ok) {
    await session.replyWrong(path.reply);
    return;
  }
  const { address } = path.value;
  if (address === "") {
    await session.replyWrong(replyAbout(address, 553, "5.1.3", "User address required"));
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
  if (
    transaction.recipients.size >= inbound.settings().smtp.maxRecipients &&
    !transaction.recipients.has(key)
  ) {
    session.reply(reply(452, "4.5.3", "Too many recipients"));
    return;
  }
  const networksOnly = session.listener.kind !== "smtp";
  const { verdict } = decideRecipient(session.client, address, policyFacts(inbound), networksOnly);
  if (verdict.kind === "refuse") {
    session.logRejected("check_rcpt", `<${address}>`, verdict.reply);
    session.reply(verdict.reply);
    return;
  }
  if (verdict.kind === "discard") {
    transaction.discard ??= verdict.why;
    transaction.recipients.set(key, { address, resolved: [], parameters: parameters.value });
    session.reply(replyAbout(address, 250, "2.1.5", "Recipient ok"));
    return;
  }
  const resolved = await resolveRecipient(address, recipientParts(inbound));
  if (resolved.kind === "refused") {
    session.logRejected("check_rcpt", `<${address}>`, resolved.reply);
    session.reply(resolved.reply);
    return;
  }
  transaction.recipients.set(key, { address, resolved: resolved.recipients, parameters: parameters.value });
  session.reply(replyAbout(address, 250, "2.1.5", "Recipient ok"));
}
