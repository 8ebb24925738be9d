/**
 * USER, PASS and APOP (RFC 1939 section 7): who it is.
 *
 * Whatever is wrong, name or proof, the answer is the same and as slow (RFC 2449 section 6.4 names the code).
 */
import { judgeDigest, judgePassword } from "@mailhost/common/login/judge";
import { provesApop } from "@mailhost/common/sasl/digest";
import { clearTextRefusal } from "../auth/clear-text.ts";
import { enter } from "../auth/enter.ts";
import { err, ok } from "../protocol/reply.ts";
import { loginParts } from "../services.ts";
import type { Authorization, SessionState } from "../session-state.ts";
import { logApop } from "./session-log.ts";
import type { Turn } from "./turn.ts";

/** USER name. */
export async function user(turn: Turn): Promise<Authorization> {
  const { output, texts, words } = turn;
  const refusal = clearTextRefusal(turn);
  if (refusal !== undefined) {
    await output.line(err(refusal, "AUTH"));
    return { kind: "authorization" };
  }
  const name = words[0] ?? "";
  await output.line(ok(texts.passwordRequired(name)));
  return { kind: "authorization", user: name };
}

/** PASS password, which may hold spaces. */
export async function pass(turn: Turn, state: Authorization): Promise<SessionState> {
  const { output, texts } = turn;
  if (state.user === undefined) {
    await output.line(err(texts.sayUserFirst));
    return state;
  }
  // The settings may have changed since USER.
  const refusal = clearTextRefusal(turn);
  if (refusal !== undefined) {
    await output.line(err(refusal, "AUTH"));
    return { kind: "authorization" };
  }
  await output.flush();
  const given = { user: state.user, password: turn.words[0] ?? "" };
  return await enter(turn, () => judgePassword(loginParts(turn.services), given), {
    ...given,
    wrong: texts.wrongPassword(state.user),
  });
}

/** APOP name digest. A challenge is good for one attempt: a failure ends the session, as with Qpopper. */
export async function apop(turn: Turn, state: Authorization): Promise<SessionState> {
  const { output, texts, challenge, words } = turn;
  if (challenge === undefined) {
    await output.line(err(texts.unknownCommand("apop")));
    return state;
  }
  await output.flush();
  const [name = "", digest = ""] = words;
  const judge = async () => {
    const verdict = await judgeDigest(loginParts(turn.services), {
      user: name,
      proves: (secret) => provesApop(secret, challenge, digest),
    });
    if (verdict.kind === "right") logApop(turn, verdict.account.name);
    return verdict;
  };
  return await enter(turn, judge, {
    user: name,
    mechanism: "APOP",
    wrong: texts.authenticationFailed,
    once: true,
  });
}
