/**
 * MAIL: who sends (RFC 5321 section 4.1.1.2). Checks, in this order: on the submission ports the right to
 * submit, parameters, the sender (check_mail). The client (check_relay) was judged before, see client-check.ts.
 */
import { splitAddress } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import type { PolicyFacts } from "../policy/policy-facts.ts";
import { clientIsTrustedNetwork, decideSender, type Verdict } from "../policy/relay-decision.ts";
import { reply, replyAbout } from "../policy/reply.ts";
import { domainToResolve } from "../policy/sender-decision.ts";
import { type Ownership, ownsSender } from "../recipients/sender-ownership.ts";
import { ownershipParts, policyFacts } from "./inbound-parts.ts";
import { type MailParameters, readMailParameters } from "./mail-parameters.ts";
import { readPathCommand } from "./path-command.ts";
import { domainInDns } from "./policy-questions.ts";
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
  session.queueId = session.inbound.store.newId();
  const path = readPathCommand("FROM", argument);
  if (!path.ok) {
    await session.replyWrong(path.reply);
    return;
  }
  // A promise is waited for only where there is one: nearly every sender is decided on in this turn.
  const connect = session.check.judged ?? (await session.check.verdict());
  const { address, parameters } = path.value;
  const facts = policyFacts(session.inbound);
  const { client } = session;
  const mustLogIn = session.listener.kind !== "smtp" && client.auth === undefined;
  if (mustLogIn && clientIsTrustedNetwork(client, facts) === undefined) {
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
  const busy = busyRefusal(session, facts);
  if (busy !== undefined) {
    session.reply(busy);
    return;
  }
  // Nothing is awaited as long as delivery keeps up.
  const pause = session.inbound.overload?.slowDown();
  if (pause !== undefined) await pause;
  const room = session.inbound.load?.diskRefusal(read.value.announcedSize ?? 0);
  const full = room instanceof Promise ? await room : room;
  if (full !== undefined) {
    session.reply(full);
    return;
  }
  if (!read.value.smtputf8 && /\P{ASCII}/u.test(address)) {
    session.reply(replyAbout(address, 553, "5.6.7", "Address requires SMTPUTF8"));
    return;
  }
  const notOwner = session.auth === undefined ? undefined : await foreignSender(session, address);
  if (notOwner !== undefined) {
    session.logRejected("check_mail", `<${address}>`, notOwner);
    session.reply(notOwner);
    return;
  }
  const asked = domainToResolve(address, facts);
  const domain = asked === undefined ? undefined : await domainInDns(asked, session.inbound.resolver());
  const known = { client, ...(domain === undefined ? {} : { domain }) };
  // With delay_checks the sender is judged with each recipient.
  const verdict = facts.rules.delayChecks === "off" ? decideSender(address, facts, known).verdict : undefined;
  if (verdict?.kind === "refuse") {
    session.logRejected("check_mail", `<${address}>`, verdict.reply);
    session.reply(verdict.reply);
    return;
  }
  if (verdict !== undefined && verdict.kind !== "accept")
    session.logSetAside("check_mail", `<${address}>`, verdict);
  const transaction: Transaction = {
    sender: qualified(session, address),
    parameters:
      read.value.authSender === undefined ? read.value : await withTrustedSource(session, read.value),
    recipients: new Map(),
  };
  for (const v of [connect, verdict]) if (v !== undefined) setAside(transaction, v);
  session.sender = { given: address, ...(domain === undefined ? {} : { domain }) };
  session.transaction = transaction;
  session.reply(replyAbout(address, 250, "2.1.0", "Sender ok"));
}

/** The refusal of a message while there is too much mail; our own networks and whoever submits are refused last. */
function busyRefusal(session: SmtpSession, facts: PolicyFacts): SmtpReply | undefined {
  const { overload } = session.inbound;
  const { client, listener } = session;
  const isOurs = () =>
    listener.kind !== "smtp" ||
    client.auth !== undefined ||
    clientIsTrustedNetwork(client, facts) !== undefined;
  return overload?.refusesMail(isOurs);
}

/**
 * AUTH= (RFC 4954 section 5), as Sendmail's trust_auth has it: without a login it says nothing, and whoever has logged in is trusted
 * to name itself. Anybody else that it names as the source is taken for `<>`.
 */
async function withTrustedSource(
  { auth, inbound }: SmtpSession,
  parameters: MailParameters,
): Promise<MailParameters> {
  const { authSender, ...others } = parameters;
  if (authSender === undefined || auth === undefined) return others;
  const owns = await ownsSender(auth.account, authSender, ownershipParts(inbound));
  return typeof owns === "object" ? parameters : { ...others, authSender: "" };
}

/** Whoever has logged in sends under addresses of its own (auth.checkSender): the refusal of others. */
async function foreignSender(
  { auth, inbound }: SmtpSession,
  address: string,
): Promise<SmtpReply | undefined> {
  if (auth === undefined || !inbound.settings().auth.checkSender) return undefined;
  return ownershipRefusal(
    auth.account,
    address,
    await ownsSender(auth.account, address, ownershipParts(inbound)),
  );
}

/** What somebody is told whose sender is not its own, or of whose sender that is not known now. */
export function ownershipRefusal(account: string, address: string, owns: Ownership): SmtpReply | undefined {
  if (owns === "unknown") return replyAbout(address, 451, "4.3.0", "Sender address can not be looked up now");
  if (owns !== undefined) return undefined;
  const text = `Sender address is not one of ${account}'s; use your own, or ask the postmaster for this one`;
  return replyAbout(address, 553, "5.7.1", text);
}

/** Notes that the message is to be dropped or held; what was said first counts. */
export function setAside(transaction: Transaction, verdict: Verdict): void {
  if (verdict.kind === "discard") transaction.discard ??= verdict.why;
  if (verdict.kind === "quarantine") transaction.quarantine ??= verdict.reason;
}

function qualified(session: SmtpSession, address: string): string {
  return address === "" || splitAddress(address).domain !== ""
    ? address
    : `${address}@${session.inbound.settings().hostname}`;
}
