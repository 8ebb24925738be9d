/**
 * HELO and EHLO: the client's name for itself, and what we offer (RFC 5321 section 4.1.1.1).
 */
import { reply } from "../policy/reply.ts";
import { offeredMechanisms } from "./auth-offer.ts";
import { allowedVerbs } from "./privacy.ts";
import type { SmtpSession } from "./smtp-session.ts";

/** RFC 5321 section 4.5.3.1.2, with some slack for literals. */
const MAX_HELO = 300;

export async function helo(session: SmtpSession, argument: string): Promise<void> {
  if (!(await introduce(session, "HELO", argument))) return;
  session.send(250, hello(session), false);
}

export async function ehlo(session: SmtpSession, argument: string): Promise<void> {
  if (!(await introduce(session, "EHLO", argument))) return;
  // Who is refused altogether is offered nothing.
  if ((await session.check.refusal()) !== undefined) {
    session.send(250, [hello(session), "ENHANCEDSTATUSCODES"], false);
    return;
  }
  const settings = session.inbound.settings();
  const verbs = allowedVerbs(settings);
  const mechanisms = offeredMechanisms(session).map(({ name }) => name);
  const features = [
    "ENHANCEDSTATUSCODES",
    "PIPELINING",
    ...verbs.filter((verb) => verb !== "ETRN"),
    "8BITMIME",
    // Without a limit, as a sendmail.cf may have it, there is no number to tell (RFC 1870 section 4).
    settings.smtp.maxMessageSize < Number.MAX_SAFE_INTEGER ? `SIZE ${settings.smtp.maxMessageSize}` : "SIZE",
    ...(settings.smtp.privacy.includes("noreceipts") ? [] : ["DSN"]),
    ...verbs.filter((verb) => verb === "ETRN"),
    "SMTPUTF8",
    ...(mechanisms.length === 0 ? [] : [`AUTH ${mechanisms.join(" ")}`]),
    ...(session.listener.offersTls && !session.secure ? ["STARTTLS"] : []),
    "HELP",
  ];
  session.send(250, [hello(session), ...features], false);
}

/** Takes the name down; a transaction under way is forgotten, as by RSET. */
async function introduce(session: SmtpSession, verb: "HELO" | "EHLO", argument: string): Promise<boolean> {
  const name = argument.trim();
  if (name === "") {
    await session.replyWrong(reply(501, "5.0.0", `${verb} requires domain address`));
    return false;
  }
  if (name.length > MAX_HELO || /[\s\p{Cc}]/u.test(name)) {
    await session.replyWrong(reply(501, "5.0.0", "Invalid domain name"));
    return false;
  }
  await session.check.waitForName();
  session.openingCommand = verb;
  session.hostNameAppearsAs = name;
  session.endTransaction();
  return true;
}

function hello(session: SmtpSession): string {
  return `${session.name} Hello ${session.relayText}, pleased to meet you`;
}
