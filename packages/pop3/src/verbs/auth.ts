/**
 * AUTH (RFC 5034): a SASL exchange in base64 lines.
 *
 * `AUTH` alone lists the mechanisms, as Qpopper and most other servers have it. A mechanism is offered where it could
 * succeed: PLAIN and LOGIN where a password may be sent on this connection, CRAM-MD5 where there are secrets.
 */
import { hasSecrets, judgeDigest, judgePassword, type Verdict } from "@mailhost/common/login/judge";
import { newChallenge } from "@mailhost/common/sasl/challenge";
import { provesCramMd5 } from "@mailhost/common/sasl/digest";
import {
  fromBase64,
  LONGEST_SASL_LINE,
  type SaslCredentials,
  type SaslMechanism,
} from "@mailhost/common/sasl/mechanism";
import { SASL_MECHANISMS } from "@mailhost/common/sasl/mechanisms";
import { clearTextRefusal } from "../auth/clear-text.ts";
import { enter } from "../auth/enter.ts";
import { err, ok } from "../protocol/reply.ts";
import { loginParts } from "../services.ts";
import type { Authorization, SessionState } from "../session-state.ts";
import type { Turn } from "./turn.ts";

/** The names of the mechanisms that this client can use now. */
export function saslMechanisms(turn: Turn): string[] {
  const clearText = clearTextRefusal(turn) === undefined;
  const secrets = hasSecrets(turn.services);
  return SASL_MECHANISMS.filter((mechanism) => (mechanism.clearText ? clearText : secrets)).map(
    ({ name }) => name,
  );
}

/** AUTH, AUTH mechanism, AUTH mechanism initial-response. */
export async function auth(turn: Turn, state: Authorization): Promise<SessionState> {
  const { output, texts } = turn;
  const [named, initial] = turn.words;
  if (named === undefined) {
    await output.line(ok(texts.saslListing));
    for (const name of saslMechanisms(turn)) await output.line(name);
    await output.line(".");
    return state;
  }
  const mechanism = SASL_MECHANISMS.find(({ name }) => name === named.toUpperCase());
  if (mechanism === undefined || (!mechanism.clearText && !hasSecrets(turn.services))) {
    await output.line(err(texts.unknownMechanism(named)));
    return state;
  }
  const refusal = mechanism.clearText ? clearTextRefusal(turn) : undefined;
  if (refusal !== undefined) {
    await output.line(err(refusal, "AUTH"));
    return state;
  }
  // An AUTH that fails is as if it had not been said (RFC 5034 section 4): who USER named stays named.
  const outcome = await exchange(turn, mechanism, initial);
  if (outcome.kind === "failed") {
    await output.line(err(outcome.text));
    return state;
  }
  await output.flush();
  const { credentials } = outcome;
  const next = await enter(turn, () => judge(turn, credentials), {
    user: credentials.name,
    ...(credentials.kind === "password" ? { password: credentials.password } : {}),
    mechanism: mechanism.name,
    wrong: texts.authenticationFailed,
  });
  return next.kind === "authorization" ? state : next;
}

type Outcome =
  | { readonly kind: "credentials"; readonly credentials: SaslCredentials }
  | { readonly kind: "failed"; readonly text: string };

async function exchange(turn: Turn, mechanism: SaslMechanism, initial: string | undefined): Promise<Outcome> {
  const { services, output, texts } = turn;
  const failed = (text: string): Outcome => ({ kind: "failed", text });
  // A single `=` is an initial response of no octets (RFC 5034 section 4).
  const first = initial === undefined ? undefined : fromBase64(initial === "=" ? "" : initial);
  if (initial !== undefined && first === undefined) return failed(texts.badBase64);
  const steps = mechanism.start(() => newChallenge(services.settings().hostname, services.clock));
  for (let step = steps.begin(first); ; ) {
    if (step.kind === "credentials") return step;
    if (step.kind === "malformed") return failed(texts.badSaslResponse(step.reason));
    await output.line(`+ ${step.octets.toString("base64")}`);
    const line = await turn.readLine(LONGEST_SASL_LINE);
    if (line === "too-long") return failed(texts.lineTooLong);
    const text = line.toString("latin1");
    if (text === "*") return failed(texts.saslCancelled);
    const response = fromBase64(text);
    if (response === undefined) return failed(texts.badBase64);
    step = steps.respond(response);
  }
}

function judge({ services }: Turn, credentials: SaslCredentials): Promise<Verdict> {
  const parts = loginParts(services);
  const { name: user } = credentials;
  if (credentials.kind === "password") {
    const { password, authorization } = credentials;
    return judgePassword(parts, { user, password, authorization });
  }
  const { challenge, digest } = credentials;
  return judgeDigest(parts, { user, proves: (secret) => provesCramMd5(secret, challenge, digest) });
}
