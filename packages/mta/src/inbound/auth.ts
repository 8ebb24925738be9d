/**
 * AUTH (RFC 4954): a SASL exchange in base64 lines, and what follows it. The replies are Sendmail's.
 *
 * A wrong name and a wrong password get the same answer after the same wait. What the client sent is never shown, neither
 * in a reply nor in the log, but for the name.
 */
import { delay } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import { judgeDigest, judgePassword, type LoginParts, type Verdict } from "@mailhost/common/login/judge";
import { judgedInTurn } from "@mailhost/common/login/judged-in-turn";
import { loginAttempt } from "@mailhost/common/login/login-attempt";
import type { LoginAttempt, LoginGuard } from "@mailhost/common/login/login-guard";
import { newChallenge } from "@mailhost/common/sasl/challenge";
import { provesCramMd5 } from "@mailhost/common/sasl/digest";
import {
  fromBase64,
  type SaslCredentials,
  type SaslExchange,
  type SaslMechanism,
  type SaslStep,
} from "@mailhost/common/sasl/mechanism";
import { reply } from "../policy/reply.ts";
import { authOffer, loginParts } from "./auth-offer.ts";
import { logAuthFailure, logAuthSuccess } from "./smtp-log.ts";
import type { SmtpSession } from "./smtp-session.ts";

/** A connection is closed after so many wrong passwords. */
const MOST_FAILURES = 5;

/** AUTH mechanism [initial-response]. */
export async function auth(session: SmtpSession, argument: string): Promise<void> {
  const { inbound } = session;
  const offer = authOffer(session);
  if (offer === "none") {
    await session.replyWrong(reply(503, "5.3.3", "AUTH not available"));
  } else if (session.openingCommand !== "EHLO") {
    await session.replyWrong(reply(503, "5.0.0", "Polite people say HELO first"));
  } else if (session.auth !== undefined) {
    await session.replyWrong(reply(503, "5.5.0", "Already Authenticated"));
  } else if (session.transaction !== undefined) {
    await session.replyWrong(reply(503, "5.5.0", "AUTH not permitted during a mail transaction"));
  } else if (offer === "needs TLS") {
    const text = "Encryption required for requested authentication mechanism";
    await session.replyWrong(reply(538, "5.7.11", text));
  } else if (inbound.guard?.banned(session.remoteAddress) !== undefined) {
    session.reply(reply(454, "4.7.0", "Please try again later"));
  } else {
    await begin(session, argument, offer);
  }
}

async function begin(session: SmtpSession, argument: string, offer: readonly SaslMechanism[]): Promise<void> {
  const { clock, settings } = session.inbound;
  const [named = "", initial, ...more] = argument.trim().split(/[ \t]+/);
  const mechanism = offer.find(({ name }) => name === named.toUpperCase());
  if (named === "") {
    await session.replyWrong(reply(501, "5.5.2", "AUTH mechanism must be specified"));
    return;
  }
  if (mechanism === undefined) {
    const shown = named.replace(/[^\w-]/g, "?").slice(0, 32);
    await session.replyWrong(reply(504, "5.3.3", `AUTH mechanism ${shown} not available`));
    return;
  }
  // A single `=` is an initial response of no octets (RFC 4954 section 4).
  const first = initial === undefined ? undefined : fromBase64(initial === "=" ? "" : initial);
  if ((initial !== undefined && first === undefined) || more.length > 0) {
    await session.replyWrong(reply(501, "5.5.4", "cannot BASE64 decode"));
    return;
  }
  const exchange = mechanism.start(() => newChallenge(settings().hostname, clock));
  await follow(session, mechanism, exchange, exchange.begin(first));
}

/** One step of the exchange: its challenge goes out, and the client's next line is the response. */
async function follow(
  session: SmtpSession,
  mechanism: SaslMechanism,
  exchange: SaslExchange,
  step: SaslStep,
): Promise<void> {
  switch (step.kind) {
    case "malformed":
      await session.replyWrong(reply(501, "5.5.2", `Malformed ${mechanism.name} response: ${step.reason}`));
      return;
    case "credentials":
      await decide(session, mechanism, step.credentials);
      return;
    case "challenge":
      session.takeNextLine(async (line) => {
        const text = line.toString("latin1");
        const response = fromBase64(text);
        if (text === "*") await session.replyWrong(reply(501, "5.0.0", "AUTH aborted"));
        else if (response === undefined)
          await session.replyWrong(reply(501, "5.5.4", "cannot BASE64 decode"));
        else await follow(session, mechanism, exchange, exchange.respond(response));
      });
      session.reply(reply(334, "", step.octets.toString("base64")));
  }
}

async function decide(
  session: SmtpSession,
  mechanism: SaslMechanism,
  credentials: SaslCredentials,
): Promise<void> {
  const { inbound, relayText } = session;
  const parts = loginParts(inbound);
  const attempt = countedAs(session, parts, credentials);
  const verdict = await inTurn(inbound.guard, attempt, async () =>
    parts === undefined ? undefined : await judge(session, parts, credentials),
  );
  const given = { relay: relayText, user: credentials.name, mechanism: mechanism.name };
  if (verdict === "banned") {
    session.reply(reply(454, "4.7.0", "Please try again later"));
    return;
  }
  if (verdict?.kind === "unavailable" && verdict.cause.kind === "accounts-unavailable") {
    inbound.log.write("error", `a login can not be judged: ${verdict.cause.reason}`);
    session.reply(reply(454, "4.7.0", "Temporary authentication failure"));
    return;
  }
  if (verdict === undefined || verdict.kind === "unavailable") {
    session.reply(reply(454, "4.5.4", "Temporary authentication failure"));
    return;
  }
  if (verdict.kind === "right") {
    const account = verdict.account.name;
    session.auth = { account, mechanism: mechanism.name };
    inbound.guard?.succeeded(attempt);
    logAuthSuccess(inbound.log, { ...given, user: account });
    session.reply(reply(235, "2.0.0", "OK Authenticated"));
    return;
  }
  session.loginFailures += 1;
  logAuthFailure(inbound.log, given);
  await delay(inbound.clock, inbound.guard?.failed(attempt, session.loginFailures) ?? 0);
  session.reply(
    session.loginFailures < MOST_FAILURES
      ? reply(535, "5.7.0", "authentication failed")
      : reply(421, "4.7.0", `${session.name} Too many authentication failures; closing connection`),
  );
}

/** Where nothing guards, a login is judged as it comes. */
async function inTurn<T>(
  guard: LoginGuard | undefined,
  attempt: LoginAttempt,
  work: () => Promise<T>,
): Promise<T | "banned"> {
  return guard === undefined ? await work() : await judgedInTurn(guard, attempt, work);
}

/** The login as both servers count it. */
function countedAs(
  { remoteAddress: ip }: SmtpSession,
  parts: LoginParts | undefined,
  credentials: SaslCredentials,
): LoginAttempt {
  const { name: user } = credentials;
  if (parts === undefined) return { ip, service: "smtp", name: user };
  const password = credentials.kind === "password" ? credentials.password : undefined;
  return loginAttempt(parts, { ip, service: "smtp", user, password });
}

/** @returns undefined when that cannot be told now */
async function judge(
  session: SmtpSession,
  parts: LoginParts,
  credentials: SaslCredentials,
): Promise<Verdict | undefined> {
  const { name: user } = credentials;
  try {
    if (credentials.kind === "password") {
      const { password, authorization } = credentials;
      return await judgePassword(parts, { user, password, authorization });
    }
    const { challenge, digest } = credentials;
    return await judgeDigest(parts, { user, proves: (secret) => provesCramMd5(secret, challenge, digest) });
  } catch (error) {
    session.inbound.log.write("error", `AUTH of ${session.relayText}: ${messageOf(error)}`);
    return undefined;
  }
}
