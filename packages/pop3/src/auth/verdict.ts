/**
 * Whether a login is right. Whatever is wrong, the same work is done: for a name that is not there a password is hashed and
 * a digest computed too, and who may log in at all is looked at only when the proof was right.
 */
import type { Account } from "@mailhost/common/accounts/accounts";
import type { ResponseCode } from "../protocol/reply.ts";
import type { Turn } from "../verbs/turn.ts";
import { loginName } from "./login-name.ts";

/** What became of a login. */
export type Verdict =
  | { readonly kind: "right"; readonly account: Account; readonly noMime: boolean }
  /** No such account, or the proof is wrong: nobody is told which. */
  | { readonly kind: "wrong" }
  /** The proof was right, and yet: `text` says why to its owner, `reason` to the log. */
  | { readonly kind: "refused"; readonly text: string; readonly reason: string }
  /** The database of secrets can not be used: nobody's fault who logs in. */
  | { readonly kind: "unavailable"; readonly code: ResponseCode; readonly text: string };

/** A password, from PASS or from SASL. */
export interface GivenPassword {
  readonly user: string;
  readonly password: string;
  /** Whom the client wants to act as (SASL PLAIN); empty: itself. */
  readonly authorization?: string;
}

/** Judges a password. Whether it may be sent at all on this connection was decided before (clear-text.ts). */
export async function judgePassword(turn: Turn, given: GivenPassword): Promise<Verdict> {
  const { services, texts } = turn;
  const asksSecrets = services.settings().pop3.clearTextPassword === "default";
  const unavailable = asksSecrets ? secretsUnavailable(turn) : undefined;
  if (unavailable !== undefined) return unavailable;
  const { account: name, noMime } = loginName(services, given.user);
  const account = await services.accounts().verify(name, given.password);
  if (account === undefined || !actsAsItself(turn, given, name)) return { kind: "wrong" };
  if (asksSecrets && services.popauth?.find(account.name) !== undefined) {
    return {
      kind: "refused",
      text: texts.strongerNeededForUser,
      reason: "has an APOP secret: no clear text",
    };
  }
  return admitted(turn, account, noMime);
}

/** A digest of a challenge, from APOP or CRAM-MD5. */
export interface GivenDigest {
  readonly user: string;
  /** Whether it proves the knowledge of a secret; it takes as long for no secret. */
  proves(secret: Buffer | undefined): boolean;
}

/** Judges a digest. */
export function judgeDigest(turn: Turn, given: GivenDigest): Verdict {
  const { services } = turn;
  const unavailable = secretsUnavailable(turn);
  if (unavailable !== undefined) return unavailable;
  const { account: name, noMime } = loginName(services, given.user);
  const account = services.accounts().find(name);
  const secret = services.popauth?.find(name);
  const right = given.proves(secret);
  if (!right || account === undefined) return { kind: "wrong" };
  return admitted(turn, account, noMime);
}

function secretsUnavailable({ services, texts }: Turn): Verdict | undefined {
  const state = services.popauth?.state();
  switch (state?.kind) {
    case "wrong-mode":
      return { kind: "unavailable", code: "SYS/PERM", text: texts.secretsWrongMode(octal(state.mode)) };
    case "unusable":
      return { kind: "unavailable", code: "SYS/TEMP", text: texts.secretsUnavailable };
    default:
      return undefined;
  }
}

function actsAsItself({ services }: Turn, { authorization = "" }: GivenPassword, name: string): boolean {
  return authorization === "" || loginName(services, authorization).account === name;
}

function admitted({ services, texts }: Turn, account: Account, noMime: boolean): Verdict {
  const refusal = services.admission?.refusal(account);
  if (refusal === undefined) return { kind: "right", account, noMime };
  const text = refusal.kind === "denied" ? texts.accessDenied(account.name) : texts.uidBlocked(refusal.below);
  return { kind: "refused", text, reason: refusal.reason };
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
