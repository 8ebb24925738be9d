/**
 * The SMTP commands that a session knows, and the short ones among them. The others have files of their own.
 */
import { reply } from "../policy/reply.ts";
import { expand, verify } from "./address-queries.ts";
import { auth } from "./auth.ts";
import { data } from "./data.ts";
import { etrn } from "./etrn.ts";
import { hangUp } from "./hang-up.ts";
import { ehlo, helo } from "./helo.ts";
import { help } from "./help.ts";
import { mailFrom } from "./mail-from.ts";
import { allowedVerbs } from "./privacy.ts";
import { rcptTo } from "./rcpt-to.ts";
import type { SmtpSession } from "./smtp-session.ts";

/**
 * Carries a command out and replies.
 *
 * @param argument what follows the verb and a blank
 * @param line the whole line as it came
 */
export type Verb = (session: SmtpSession, argument: string, line: Buffer) => void | Promise<void>;

/** Every verb, in upper case. */
export const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["HELO", helo],
  ["EHLO", ehlo],
  ["MAIL", mailFrom],
  ["RCPT", rcptTo],
  ["DATA", data],
  ["RSET", reset],
  ["NOOP", noop],
  ["HELP", help],
  ["VRFY", verify],
  ["EXPN", expand],
  ["VERB", verbose],
  ["ETRN", etrn],
  ["STARTTLS", startTls],
  ["QUIT", quit],
  ["AUTH", auth],
  // Commands of RFC 821 that nobody carries out any more.
  ...["SEND", "SAML", "SOML", "TURN"].map((word): [string, Verb] => [word, neverDone]),
]);

function reset(session: SmtpSession): void {
  session.endTransaction();
  session.reply(reply(250, "2.0.0", "Reset state"));
}

async function noop(session: SmtpSession): Promise<void> {
  await session.replyHarmless(reply(250, "2.0.0", "OK"));
}

/** Sendmail would show what it does; we have nothing to show, and programs that ask for it go on. */
async function verbose(session: SmtpSession): Promise<void> {
  const allowed = allowedVerbs(session.inbound.settings()).includes("VERB");
  await session.replyHarmless(
    allowed ? reply(250, "2.0.0", "Verbose mode") : reply(502, "5.7.0", "Verbose unavailable"),
  );
}

async function neverDone(session: SmtpSession, _argument: string, line: Buffer): Promise<void> {
  const shown = line.toString("utf8").slice(0, 100);
  await session.replyWrong(reply(502, "5.5.1", `Command not implemented: "${shown}"`));
}

async function startTls(session: SmtpSession, _argument: string, line: Buffer): Promise<void> {
  if (!session.listener.offersTls) {
    await session.replyWrong(reply(454, "4.3.3", "TLS not available after start"));
    return;
  }
  // What was said in the clear counts no more (RFC 3207 section 4.2); the library forgets the rest.
  if (!session.secure) session.auth = undefined;
  await new Promise<void>((done) => session.handler_STARTTLS(line, done));
}

function quit(session: SmtpSession): void {
  session.reply(reply(221, "2.0.0", `${session.name} closing connection`));
  hangUp(session);
}
