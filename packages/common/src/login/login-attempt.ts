/**
 * A login as the guard counts it: by whose account it was for, so that `wang`, `WANG` and `wang@here` are one name.
 */
import { saslPrep } from "../sasl/saslprep.ts";
import type { LoginAttempt } from "./login-guard.ts";
import { type LoginNameParts, loginName } from "./login-name.ts";

/** A login as it was given. */
export interface GivenLogin {
  readonly ip: string;
  readonly service: LoginAttempt["service"];
  readonly user: string;
  /** Absent for a digest. */
  readonly password?: string | undefined;
}

/** The attempt that it is. */
export function loginAttempt(
  parts: LoginNameParts,
  { ip, service, user, password }: GivenLogin,
): LoginAttempt {
  const { account } = loginName(parts, saslPrep(user) ?? user);
  return { ip, service, name: account, ...(password === undefined ? {} : { password }) };
}
