/**
 * Remembers for a few minutes which passwords were right, so that a client that polls costs one argon2 and not one a poll.
 *
 * Kept is only a keyed digest over name, stored hash and password, under a key of this process: whoever reads the memory
 * learns no password from it. As the stored hash is part of it, a new password and a removed account count at once.
 * Wrong passwords are never remembered, so guessing stays as slow as it was.
 */
import { createHmac, randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";

/** How long a password is remembered behind its last use, ms. */
const MEMORY = 10 * 60_000;
/** Passwords remembered; the one used longest ago is forgotten first. */
const PASSWORDS = 20_000;

/** What is verified. */
export interface Credentials {
  readonly name: string;
  /** As the account's file has it now. */
  readonly hash: string;
  readonly password: string;
}

/** Passwords that were right a short while ago. */
export class VerifiedPasswords {
  readonly #clock: Clock;
  readonly #key = randomBytes(32);
  /** When each is forgotten, by digest, the longest unused first. */
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether these were found right, and used since then at least every {@link MEMORY}. */
  has(credentials: Credentials): boolean {
    const digest = this.#digest(credentials);
    const until = this.#until.get(digest);
    if (until === undefined) return false;
    this.#until.delete(digest);
    if (until <= this.#clock.now()) return false;
    this.#until.set(digest, this.#clock.now() + MEMORY);
    return true;
  }

  /** Remembers what a verification against the hash has found right. */
  add(credentials: Credentials): void {
    const now = this.#clock.now();
    const digest = this.#digest(credentials);
    this.#until.delete(digest);
    this.#until.set(digest, now + MEMORY);
    for (const [oldest, until] of this.#until) {
      if (until > now && this.#until.size <= PASSWORDS) break;
      this.#until.delete(oldest);
    }
  }

  #digest({ name, hash, password }: Credentials): string {
    return createHmac("sha256", this.#key)
      .update(JSON.stringify([name, hash, password]))
      .digest("base64");
  }
}
