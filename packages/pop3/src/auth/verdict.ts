/**
 * Whether a login is right. Whatever is wrong, the same work is done: for a name that is not there a password is hashed and
 * a digest computed too, and who may log in at all is looked at only when the proof was right.
 */
import { isAscii, isUtf8 } from "node:buffer";
import type { Account } from "@mailhost/common/accounts/accounts";
import { saslPrep } from "@mailhost/common/sasl/saslprep";
import type { ResponseCode } from "../protocol/reply.ts";
import type { Services } from "../services.ts";
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
  const { account: name, noMime } = loginName(services, prepared(given.user));
  const account = await verified(services, name, given.password);
  if (account === undefined || name === "" || !actsAsItself(turn, given, name)) return { kind: "wrong" };
  if (asksSecrets && services.popauth?.find(account.name) !== undefined) {
    return {
      kind: "refused",
      text: texts.strongerNeededForUser,
      reason: "has an APOP secret: no clear text",
    };
  }
  return admitted(turn, account, noMime);
}

/**
 * Whose password it is, as it came or as SASLprep makes it (RFC 6856 section 2.2): what was stored may have been hashed in
 * either form. The prepared form takes a second look whoever is named.
 */
async function verified(services: Services, name: string, password: string): Promise<Account | undefined> {
  const form = saslPrep(password);
  const accounts = services.accounts();
  // No form: it has what no password may have, such as octets that are no UTF-8. It takes as long as a wrong one.
  const account = await accounts.verify(name, form === undefined ? "" : password);
  if (form === undefined) return undefined;
  return account ?? (form === password ? undefined : await accounts.verify(name, form));
}

/** A name prepared; nobody is called as what can not be prepared. */
function prepared(name: string): string {
  return saslPrep(name) ?? "";
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
  const { account: name, noMime } = loginName(services, prepared(given.user));
  const account = services.accounts().find(name);
  const secret = services.popauth?.find(name);
  const form = preparedSecret(secret);
  // Both, whatever the first says: the secret as it is stored, and as SASLprep makes it.
  const asStored = given.proves(secret);
  const right = (form === undefined ? false : given.proves(form)) || asStored;
  if (!right || account === undefined || name === "") return { kind: "wrong" };
  return admitted(turn, account, noMime);
}

/** The secret as SASLprep makes it (RFC 6856 section 2.2), where that is another: few have such. */
function preparedSecret(secret: Buffer | undefined): Buffer | undefined {
  if (secret === undefined || isAscii(secret) || !isUtf8(secret)) return undefined;
  const text = secret.toString();
  const form = saslPrep(text);
  return form === undefined || form === text ? undefined : Buffer.from(form);
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
  if (authorization === "") return true;
  const form = prepared(authorization);
  // RFC 5034 section 4: what comes out empty is nobody, not the client itself.
  return form !== "" && loginName(services, form).account === name;
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
