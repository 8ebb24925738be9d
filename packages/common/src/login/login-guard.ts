/**
 * What stands between a login and the look at its password: delays and bans for those who guess. Both servers and all of
 * their processes ask the same memory, so a guess at SMTP counts at POP3.
 */

import type { LoginStanding } from "./login-turns.ts";

/** Who tries to log in, and where. */
export interface LoginAttempt {
  /** The client's address. */
  readonly ip: string;
  /** The name as it was given; empty before there is one. */
  readonly name: string;
  readonly service: "smtp" | "pop3";
  /**
   * The password that was wrong, where one was given: a mail program that goes on asking with an old one is no guesser. Never kept:
   * two octets of a keyed digest are. Absent for digests of challenges, each of which counts.
   */
  readonly password?: string;
}

/** An address or network that may not try. */
export interface Ban {
  /** An IPv4 address, or an IPv6 network as `2001:db8:1:2:0:0:0:0/64`. */
  readonly network: string;
  /** ms since 1970. */
  readonly since: number;
  readonly until: number;
  /** Failures that led to it. */
  readonly failures: number;
  /** How many bans it has had lately, this one included. */
  readonly times: number;
  /** The name that was tried last. */
  readonly name: string;
}

/** Judges attempts before and after the password was looked at. Nothing here throws: a memory that is damaged forgives. */
export interface LoginGuard {
  /**
   * The ban that a client is under; undefined: it may try. Asked when it connects, before each password and once more before
   * what came out of it is told: of guesses made at once no more are answered than of guesses one after the other.
   */
  readonly banned: (ip: string) => Ban | undefined;
  /** How the address stands with the name: whose password is looked at first when many wait. */
  readonly standing: (attempt: LoginAttempt) => LoginStanding;
  /**
   * Counts a wrong password.
   *
   * @param onConnection failures of the connection, this one included
   * @returns how long the answer waits, ms
   */
  readonly failed: (attempt: LoginAttempt, onConnection: number) => number;
  /**
   * A right password. It forgives its own name at this address, and nobody else's failures. `name` may be the account's instead
   * of what was given, as for `failed`; the two must agree.
   */
  readonly succeeded: (attempt: LoginAttempt) => void;
}
