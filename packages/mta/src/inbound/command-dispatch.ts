/**
 * From a command line to the verb that carries it out. What need not wait is carried out at once: a promise is made only where
 * something is waited for.
 */
import { delay } from "@mailhost/common/clock";
import { reply } from "../policy/reply.ts";
import type { SmtpSession } from "./smtp-session.ts";
import { VERBS } from "./verbs.ts";

/** What a client that is refused altogether may still say. */
const ALWAYS_ANSWERED: ReadonlySet<string> = new Set(["HELO", "EHLO", "NOOP", "RSET", "QUIT", "STARTTLS"]);

/** How long a command waits while the load is high (DelayLA, ms). */
const LOAD_PAUSE = 1_000;

/** Octets of the longest line that is no AUTH, without its end. */
const LONGEST_LINE = 4096;

/** What is decided by tables and accounts: they are seen as they were when the command came, or later. */
const LOOKS_UP: ReadonlySet<string> = new Set([
  "HELO",
  "EHLO",
  "MAIL",
  "RCPT",
  "AUTH",
  "VRFY",
  "EXPN",
  "ETRN",
]);

/** Carries a command out and replies; a promise when that takes longer than this turn. */
export function obey(session: SmtpSession, command: Buffer): void | Promise<void> {
  const line = command.toString("utf8");
  const blank = line.search(/\s/);
  const word = (blank < 0 ? line : line.slice(0, blank)).toUpperCase();
  const argument = blank < 0 ? "" : line.slice(blank + 1);
  const changes = LOOKS_UP.has(word) ? session.changesTakenIn() : undefined;
  return changes === undefined
    ? begin(session, word, argument, command)
    : changes.then(() => begin(session, word, argument, command));
}

function begin(session: SmtpSession, word: string, argument: string, command: Buffer): void | Promise<void> {
  if (session.listener.draining && session.transaction === undefined && word !== "QUIT") {
    session.drain();
    return undefined;
  }
  const { load, clock } = session.inbound;
  return load?.slowsDown() === true
    ? delay(clock, LOAD_PAUSE).then(() => run(session, word, argument, command))
    : run(session, word, argument, command);
}

function run(session: SmtpSession, word: string, argument: string, command: Buffer): void | Promise<void> {
  if (command.length > LONGEST_LINE && word !== "AUTH") {
    session.send(421, "Command line too long");
    return undefined;
  }
  const verb = VERBS.get(word);
  if (word === "MAIL") session.didWork = true;
  if (verb === undefined) {
    const shown = command.toString("utf8").slice(0, 100);
    return session.replyWrong(reply(500, "5.5.1", `Command unrecognized: "${shown}"`));
  }
  session.lastVerb = word.toLowerCase();
  const refusal = ALWAYS_ANSWERED.has(word) ? undefined : session.check.refusal();
  if (refusal instanceof Promise) {
    return refusal.then((r) => (r === undefined ? verb(session, argument, command) : session.replyWrong(r)));
  }
  return refusal === undefined ? verb(session, argument, command) : session.replyWrong(refusal);
}
