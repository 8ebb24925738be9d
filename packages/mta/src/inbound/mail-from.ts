/**
 * MAIL: who sends (RFC 5321 section 4.1.1.2). Checks, in this order: the client (check_relay), on the submission ports the right to
 * submit, the sender (check_mail), size.
 */
import { splitAddress } from "@mailhost/common/address";
import { clientIsTrustedNetwork, decideSender, isThisHost } from "../policy/relay-decision.ts";
import { reply, replyAbout } from "../policy/reply.ts";
import { policyFacts } from "./inbound-parts.ts";
import { readMailParameters } from "./mail-parameters.ts";
import { readPathCommand } from "./path-command.ts";
import type { SmtpSession } from "./smtp-session.ts";
import type { Transaction } from "./transaction.ts";

export async function mailFrom(session: SmtpSession, argument: string): Promise<void> {
  if (session.hostNameAppearsAs === false) {
    await session.replyWrong(reply(503, "5.0.0", "Polite people say HELO first"));
    return;
  }
  if (session.transaction !== undefined) {
    await session.replyWrong(reply(503, "5.5.0", "Sender already specified"));
    return;
  }
  const path = readPathCommand("FROM", argument);
  if (!path.ok) {
    await session.replyWrong(path.reply);
    return;
  }
  await session.waitForName();
  const connect = session.connectDecision().verdict;
  if (connect.kind === "refuse") {
    session.reply(connect.reply);
    return;
  }
  const { address, parameters } = path.value;
  const facts = policyFacts(session.inbound);
  if (session.listener.kind !== "smtp" && clientIsTrustedNetwork(session.client, facts) === undefined) {
    const refusal = reply(530, "5.7.0", "Authentication required");
    session.logRejected("check_mail", `<${address}>`, refusal);
    session.reply(refusal);
    return;
  }
  const read = readMailParameters(parameters, session.inbound.settings().smtp.maxMessageSize);
  if (!read.ok) {
    session.reply(read.reply);
    return;
  }
  const fault = senderFault(session, address, read.value.smtputf8);
  if (fault !== undefined) {
    session.reply(fault);
    return;
  }
  const { verdict } = decideSender(address, facts);
  if (verdict.kind === "refuse") {
    session.logRejected("check_mail", `<${address}>`, verdict.reply);
    session.reply(verdict.reply);
    return;
  }
  const discard = [connect, verdict].find((v) => v.kind === "discard")?.why;
  const transaction: Transaction = {
    sender: qualified(session, address),
    parameters: read.value,
    recipients: new Map(),
    ...(discard === undefined ? {} : { discard }),
  };
  session.transaction = transaction;
  session.reply(replyAbout(address, 250, "2.1.0", "Sender ok"));
}

/** Only this host itself may leave the domain out; letters beyond ASCII need SMTPUTF8 (RFC 6531 section 3.5). */
function senderFault(session: SmtpSession, address: string, smtputf8: boolean) {
  if (!smtputf8 && /\P{ASCII}/u.test(address)) {
    return replyAbout(address, 553, "5.6.7", "Address requires SMTPUTF8");
  }
  const bare = address !== "" && splitAddress(address).domain === "";
  return bare && !isThisHost(session.remoteAddress)
    ? replyAbout(address, 553, "5.5.4", `Domain name required for sender address ${address}`)
    : undefined;
}

function qualified(session: SmtpSession, address: string): string {
  return address === "" || splitAddress(address).domain !== ""
    ? address
    : `${address}@${session.inbound.settings().hostname}`;
}
