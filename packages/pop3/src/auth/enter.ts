/**
 * What follows a login, by whichever way it came: the mailbox is opened, or it is said why not.
 *
 * Whatever was wrong, the answer comes as slowly, and is counted.
 */
import type { Account } from "@mailhost/common/accounts/accounts";
import { messageOf } from "@mailhost/common/errors";
import type { RefusalCause, UnavailableCause, Verdict } from "@mailhost/common/login/judge";
import { judgedInTurn } from "@mailhost/common/login/judged-in-turn";
import { loginAttempt } from "@mailhost/common/login/login-attempt";
import type { LoginAttempt } from "@mailhost/common/login/login-guard";
import { openMaildrop } from "../maildrop/open.ts";
import { NO_MIME } from "../mangle/mangle-order.ts";
import { applyOwnOptions } from "../options/own-options.ts";
import { err, ok, type ResponseCode } from "../protocol/reply.ts";
import { loginParts, maildropContext } from "../services.ts";
import type { SessionState, Transaction } from "../session-state.ts";
import { logFailedLogin, logLogin, logRefusedLogin } from "../verbs/session-log.ts";
import type { Turn } from "../verbs/turn.ts";

/** A connection is closed after so many failures. */
const FAILURES_PER_CONNECTION = 5;

/** How somebody tried to log in. */
export interface Attempt {
  /** The name as it was typed. */
  readonly user: string;
  /** The password that was given; absent for a digest. */
  readonly password?: string;
  /** APOP, or the SASL mechanism; absent for USER and PASS. */
  readonly mechanism?: string;
  /** What is said when the proof was wrong. */
  readonly wrong: string;
  /** One failure ends the session. */
  readonly once?: boolean;
}

/** Has a login judged and acts on the verdict. A client that is banned is not judged, and its session ends. */
export async function enter(
  turn: Turn,
  judge: () => Promise<Verdict>,
  attempt: Attempt,
): Promise<SessionState> {
  const { services, output, texts } = turn;
  const counted = countedAs(turn, attempt);
  const verdict = await judgedInTurn(services.guard, counted, judge);
  if (verdict === "banned") {
    await output.line(err(texts.tooManyFailures, "SYS/TEMP"));
    return { kind: "over" };
  }
  switch (verdict.kind) {
    case "unavailable":
      await output.line(err(...unavailability(turn, verdict.cause)));
      return attempt.once === true ? { kind: "over" } : { kind: "authorization" };
    case "wrong":
      logFailedLogin(turn, attempt.user, attempt.mechanism);
      return await refuse(turn, attempt, attempt.wrong);
    case "refused":
      logFailedLogin(turn, attempt.user, attempt.mechanism);
      logRefusedLogin(turn, attempt.user, verdict.cause.reason);
      return await refuse(turn, attempt, refusalText(turn, verdict.account, verdict.cause));
    case "right":
      services.guard.succeeded(counted);
      return await open(turn, verdict.account, verdict.noMime);
  }
}

/** What is said when nobody can tell whether a login is right. */
function unavailability(
  { services, texts }: Turn,
  cause: UnavailableCause,
): [text: string, code: ResponseCode] {
  switch (cause.kind) {
    case "secrets-wrong-mode":
      return [texts.secretsWrongMode(cause.mode.toString(8).padStart(4, "0")), "SYS/PERM"];
    case "secrets-unusable":
      return [texts.secretsUnavailable, "SYS/TEMP"];
    case "accounts-unavailable":
      services.log.write("error", `a login can not be judged: ${cause.reason}`);
      return [texts.accountsUnavailable, "SYS/TEMP"];
  }
}

/** What somebody is told who proved who it is, and yet may not log in. */
function refusalText({ texts }: Turn, { name }: Account, cause: RefusalCause): string {
  switch (cause.kind) {
    case "has-secret":
      return texts.strongerNeededForUser;
    case "denied":
      return texts.accessDenied(name);
    case "blocked-uid":
      return texts.uidBlocked(cause.below);
  }
}

/** The login as both servers count it. */
function countedAs({ services, client }: Turn, { user, password }: Attempt): LoginAttempt {
  return loginAttempt(loginParts(services), { ip: client.ip, service: "pop3", user, password });
}

async function refuse(turn: Turn, attempt: Attempt, text: string): Promise<SessionState> {
  const { services, output } = turn;
  const { once = false } = attempt;
  const failures = turn.loginFailed();
  await turn.pause(services.guard.failed(countedAs(turn, attempt), failures));
  await output.line(err(text, "AUTH"));
  return failures < FAILURES_PER_CONNECTION && !once ? { kind: "authorization" } : { kind: "over" };
}

async function open(turn: Turn, account: Account, noMime: boolean): Promise<SessionState> {
  const { services, output, texts } = turn;
  const { name } = account;
  turn.authenticated();
  await applyOwnOptions(turn, account);
  const opened = await openMaildrop(maildropContext(services), name);
  switch (opened.kind) {
    case "open": {
      const state: Transaction = { kind: "transaction", user: name, drop: opened.drop };
      if (noMime) turn.modes.mangle = NO_MIME;
      logLogin(turn, name);
      // A client that has read the answer may send at once.
      await turn.renewRelay(name);
      const { count, octets } = opened.drop;
      await greet(turn, state, ok(texts.mailboxOpen(name, count, octets)));
      return state;
    }
    case "in-use":
      await output.line(err(texts.mailboxInUse, "IN-USE"));
      return { kind: "authorization" };
    case "locked":
      await output.line(err(texts.mailboxLocked, "IN-USE"));
      return { kind: "authorization" };
    case "failed":
      services.log.write("error", `the mailbox of ${name} can not be opened: ${opened.reason}`);
      await output.line(
        opened.permanent ? err(texts.mailboxBroken, "SYS/PERM") : err(texts.mailboxUnavailable, "SYS/TEMP"),
      );
      return { kind: "authorization" };
  }
}

/** A client that went away while its mailbox was being opened must not keep it. */
async function greet({ output, services }: Turn, { drop, user }: Transaction, line: string): Promise<void> {
  try {
    await output.line(line);
  } catch (error) {
    services.log.write("debug", `${user} left during the login: ${messageOf(error)}`);
    await drop.close();
    throw error;
  }
}
