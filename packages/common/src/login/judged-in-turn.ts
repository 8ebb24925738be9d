/**
 * A login between the guard and the judge: a client that is banned gets no verdict, and others wait for theirs in a fair order.
 */
import type { LoginAttempt, LoginGuard } from "./login-guard.ts";
import { seated } from "./login-turns.ts";
import { networkOf } from "./open-login-guard.ts";

/**
 * The verdict on an attempt.
 *
 * @returns `banned` before the password was looked at, or when the ban came meanwhile: nobody learns then whether it was right
 */
export async function judgedInTurn<Verdict>(
  guard: LoginGuard,
  attempt: LoginAttempt,
  judge: () => Promise<Verdict>,
): Promise<Verdict | "banned"> {
  const { ip } = attempt;
  if (guard.banned(ip) !== undefined) return "banned";
  const seat = { standing: guard.standing(attempt), network: networkOf(ip) };
  const verdict = await seated(seat, judge);
  return guard.banned(ip) === undefined ? verdict : "banned";
}
