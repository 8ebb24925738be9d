/**
 * The SMTP commands that a session knows, and the short ones among them. The stages of a mail transaction have files of their own.
 */
import { reply } from "../policy/reply.ts";
import { data } from "./data.ts";
import { ehlo, helo } from "./helo.ts";
import { mailFrom } from "./mail-from.ts";
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
  ["STARTTLS", startTls],
  ["QUIT", quit],
]);

function reset(session: SmtpSession): void {
  session.endTransaction();
  session.reply(reply(250, "2.0.0", "Reset state"));
}

async function noop(session: SmtpSession): Promise<void> {
  await harmless(session, reply(250, "2.0.0", "OK"));
}

async function help(session: SmtpSession): Promise<void> {
  const verbs = [...VERBS.keys()].join(" ");
  await harmless(session, reply(214, "2.0.0", `Commands: ${verbs}`));
}

/** Neither confirms nor denies that a user exists (RFC 5321 section 3.5.3). */
async function verify(session: SmtpSession): Promise<void> {
  await harmless(
    session,
    reply(252, "2.5.2", "Cannot VRFY user; try RCPT to attempt delivery (or try finger)"),
  );
}

async function expand(session: SmtpSession): Promise<void> {
  await harmless(session, reply(502, "5.7.0", "Sorry, we do not allow this operation"));
}

/** A command that changes nothing: a session that sends little else is slowed down like one that sends nonsense. */
async function harmless(session: SmtpSession, r: ReturnType<typeof reply>): Promise<void> {
  if (session.countHarmless()) await session.replyWrong(r);
  else session.reply(r);
}

async function startTls(session: SmtpSession, _argument: string, line: Buffer): Promise<void> {
  if (!session.listener.offersTls) {
    await session.replyWrong(reply(502, "5.7.0", "Sorry, we do not allow this operation"));
    return;
  }
  await new Promise<void>((done) => session.handler_STARTTLS(line, done));
}

function quit(session: SmtpSession): void {
  session.reply(reply(221, "2.0.0", `${session.name} closing connection`));
  session.close();
}
