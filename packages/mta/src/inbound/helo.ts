/**
 * HELO and EHLO: the client's name for itself, and what we offer (RFC 5321 section 4.1.1.1).
 */
import type { Settings } from "@mailhost/common/settings/settings";
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
  const judging = session.check.refusal();
  if ((judging instanceof Promise ? await judging : judging) !== undefined) {
    session.send(250, [hello(session), "ENHANCEDSTATUSCODES"], false);
    return;
  }
  const lines = offeredToAll(session.inbound.settings()).slice();
  lines[0] = hello(session);
  const mechanisms = offeredMechanisms(session);
  if (mechanisms.length > 0) lines.push(`AUTH ${mechanisms.map(({ name }) => name).join(" ")}`);
  if (session.listener.offersTls && !session.secure) lines.push("STARTTLS");
  lines.push("HELP");
  session.send(250, lines, false);
}

/** What is offered to everybody, behind the place of the greeting, by the settings that it was made of. */
const offers = new WeakMap<Settings, readonly string[]>();

function offeredToAll(settings: Settings): readonly string[] {
  const known = offers.get(settings);
  if (known !== undefined) return known;
  const verbs = allowedVerbs(settings);
  const offer = [
    "",
    "ENHANCEDSTATUSCODES",
    "PIPELINING",
    ...verbs.filter((verb) => verb !== "ETRN"),
    "8BITMIME",
    // Without a limit, as a sendmail.cf may have it, there is no number to tell (RFC 1870 section 4).
    settings.smtp.maxMessageSize < Number.MAX_SAFE_INTEGER ? `SIZE ${settings.smtp.maxMessageSize}` : "SIZE",
    ...(settings.smtp.privacy.includes("noreceipts") ? [] : ["DSN"]),
    ...verbs.filter((verb) => verb === "ETRN"),
    "SMTPUTF8",
  ];
  offers.set(settings, offer);
  return offer;
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
  if (session.check.name === undefined) await session.check.waitForName();
  session.openingCommand = verb;
  session.hostNameAppearsAs = name;
  session.endTransaction();
  return true;
}

function hello(session: SmtpSession): string {
  return `${session.name} Hello ${session.relayText}, pleased to meet you`;
}
