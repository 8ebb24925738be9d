/**
 * Whether a login is right: the one judge of both servers. Whatever is wrong, the same work is done: for a name that is not
 * there a password is hashed and a digest computed too, and who may log in at all is looked at only when the proof was right.
 *
 * Verdicts say why, not in which words: those are each server's own.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { AccountsUnavailable } from "../accounts/account-errors.ts";
import type { Account, Accounts } from "../accounts/accounts.ts";
import type { PopauthSecrets } from "../accounts/popauth-secrets.ts";
import { hasLogin } from "../accounts/system-passwords.ts";
import { saslPrep } from "../sasl/saslprep.ts";
import type { Admission, Refusal } from "./admission.ts";
import { type LoginName, type LoginNameParts, loginName } from "./login-name.ts";

/** What logins are judged by. */
export interface LoginParts extends LoginNameParts {
  readonly accounts: () => Accounts;
  /** The secrets of APOP and CRAM-MD5; absent: there are none. */
  readonly popauth?: PopauthSecrets;
  /** Who may log in at all; absent: everybody. */
  readonly admission?: Admission;
  /** Whoever has a secret may not use a password (Qpopper's clear-text-password `default`); absent: may. */
  readonly secretsBarPasswords?: () => boolean;
}

/** Why a login that was right is refused. */
export type RefusalCause = Refusal | { readonly kind: "has-secret"; readonly reason: string };

/** Why nobody can say whether a login is right. */
export type UnavailableCause =
  /** The database of secrets has a mode, such as 0o644, that lets others read it. */
  | { readonly kind: "secrets-wrong-mode"; readonly mode: number }
  | { readonly kind: "secrets-unusable" }
  /** A directory, or whoever checks the system's passwords, does not answer; `reason` is for the log. */
  | { readonly kind: "accounts-unavailable"; readonly reason: string };

/** What became of a login. */
export type Verdict =
  | { readonly kind: "right"; readonly account: Account; readonly noMime: boolean }
  /** No such account, or the proof is wrong: nobody is told which. */
  | { readonly kind: "wrong" }
  /** The proof was right, and yet: its owner may be told why. */
  | { readonly kind: "refused"; readonly account: Account; readonly cause: RefusalCause }
  /** Nobody's fault who logs in. */
  | { readonly kind: "unavailable"; readonly cause: UnavailableCause };

/** A password, from PASS or from SASL. */
export interface GivenPassword {
  readonly user: string;
  readonly password: string;
  /** Whom the client wants to act as (SASL PLAIN); empty: itself. */
  readonly authorization?: string;
}

/** Judges a password. Whether it may be sent at all on this connection was decided before, by the server. */
export function judgePassword(parts: LoginParts, given: GivenPassword): Promise<Verdict> {
  return unlessUnavailable(passwordVerdict(parts, given));
}

async function passwordVerdict(parts: LoginParts, given: GivenPassword): Promise<Verdict> {
  const asksSecrets = parts.secretsBarPasswords?.() ?? false;
  const unavailable = asksSecrets ? secretsUnavailable(parts) : undefined;
  if (unavailable !== undefined) return unavailable;
  const { account: name, noMime } = await namedBy(parts, prepared(given.user));
  const account = await verified(parts, name, given.password);
  if (account === undefined || name === "" || !actsAsItself(parts, given, name)) return { kind: "wrong" };
  if (asksSecrets && parts.popauth?.find(account.name) !== undefined) {
    const cause = { kind: "has-secret", reason: "has an APOP secret: no clear text" } as const;
    return { kind: "refused", account, cause };
  }
  return admitted(parts, account, noMime);
}

/** Whose login a name is: an address at a domain of ours may be one that only a directory knows whole. */
async function namedBy(parts: LoginParts, typed: string): Promise<LoginName> {
  const found = loginName(parts, typed);
  if (!typed.includes("@") || found.account.includes("@")) return found;
  const accounts = parts.accounts();
  if ((await accounts.lookUp(found.account)) !== undefined) return found;
  const whole = await accounts.lookUp(typed.toLowerCase());
  return whole?.source === "ldap" ? { account: whole.name, noMime: false } : found;
}

/**
 * Whose password it is, as it came or as SASLprep makes it (RFC 6856 section 2.2): what was stored may have been hashed in
 * either form. The prepared form takes a second look whoever is named.
 */
async function verified(parts: LoginParts, name: string, password: string): Promise<Account | undefined> {
  const form = saslPrep(password);
  const accounts = parts.accounts();
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
export function judgeDigest(parts: LoginParts, given: GivenDigest): Promise<Verdict> {
  return unlessUnavailable(digestVerdict(parts, given));
}

async function unlessUnavailable(verdict: Promise<Verdict>): Promise<Verdict> {
  try {
    return await verdict;
  } catch (error) {
    if (!(error instanceof AccountsUnavailable)) throw error;
    return { kind: "unavailable", cause: { kind: "accounts-unavailable", reason: error.message } };
  }
}

async function digestVerdict(parts: LoginParts, given: GivenDigest): Promise<Verdict> {
  const unavailable = secretsUnavailable(parts);
  if (unavailable !== undefined) return unavailable;
  const { account: name, noMime } = loginName(parts, prepared(given.user));
  const account = await parts.accounts().lookUp(name);
  const secret = parts.popauth?.find(name);
  const form = preparedSecret(secret);
  // Both, whatever the first says: the secret as it is stored, and as SASLprep makes it.
  const asStored = given.proves(secret);
  const right = (form === undefined ? false : given.proves(form)) || asStored;
  // As with a password: an account that was shut must not go on by its secret.
  if (!right || account === undefined || name === "" || !hasLogin(account)) return { kind: "wrong" };
  return admitted(parts, account, noMime);
}

/** The secret as SASLprep makes it (RFC 6856 section 2.2), where that is another: few have such. */
function preparedSecret(secret: Buffer | undefined): Buffer | undefined {
  if (secret === undefined || isAscii(secret) || !isUtf8(secret)) return undefined;
  const text = secret.toString();
  const form = saslPrep(text);
  return form === undefined || form === text ? undefined : Buffer.from(form);
}

function secretsUnavailable({ popauth }: LoginParts): Verdict | undefined {
  const state = popauth?.state();
  switch (state?.kind) {
    case "wrong-mode":
      return { kind: "unavailable", cause: { kind: "secrets-wrong-mode", mode: state.mode } };
    case "unusable":
      return { kind: "unavailable", cause: { kind: "secrets-unusable" } };
    default:
      return undefined;
  }
}

function actsAsItself(parts: LoginParts, { authorization = "" }: GivenPassword, name: string): boolean {
  if (authorization === "") return true;
  const form = prepared(authorization);
  // RFC 4616 section 2: what comes out empty is nobody, not the client itself.
  return form !== "" && loginName(parts, form).account === name;
}

function admitted({ admission }: LoginParts, account: Account, noMime: boolean): Verdict {
  const refusal = admission?.refusal(account);
  if (refusal === undefined) return { kind: "right", account, noMime };
  return { kind: "refused", account, cause: refusal };
}

/**
 * Whether a digest could be right: there are secrets. Of a database that can not be used nobody knows whether it is empty;
 * who tries is told what is wrong.
 */
export function hasSecrets({ popauth }: Pick<LoginParts, "popauth">): boolean {
  const state = popauth?.state();
  return state !== undefined && state.kind !== "absent" && (state.kind !== "ready" || state.count > 0);
}
