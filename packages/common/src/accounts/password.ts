/**
 * Passwords and their hashes: argon2id with the least cost that OWASP's Password Storage Cheat Sheet names (19 MiB,
 * two passes). Hashes of other argon2 parameters, of bcrypt and of crypt(3) are verified as well.
 *
 * A hash is made over the password as SASLprep has it (RFC 4013), so that it does not matter on which keyboard it is typed;
 * see {@link preparedPassword}.
 */
import { hash, verify } from "@node-rs/argon2";
import { messageOf } from "../errors.ts";
import { LoginTurns } from "../login/login-turns.ts";
import { saslPrep } from "../sasl/saslprep.ts";
import { hashKind } from "./password-format.ts";

/** Octets of the longest password. */
export const LONGEST_PASSWORD = 1024;

/** The library numbers argon2id 2; its names for the numbers do not exist at run time. */
const ARGON2ID = 2;

const COST = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/**
 * A hash of no known password, with the cost of ours: verifying against it takes as long as against a real one, so
 * that the time of an answer does not tell which names exist.
 */
const NOBODYS_HASH = `$argon2id$v=19$m=${COST.memoryCost},t=${COST.timeCost},p=${COST.parallelism}$${"A".repeat(22)}$${"A".repeat(43)}`;

/** Says what is wrong with a new password, or nothing. */
export function passwordFault(password: string): string | undefined {
  if (password === "") return "an empty password is no password";
  if (Buffer.byteLength(password) > LONGEST_PASSWORD) {
    return `a password has at most ${LONGEST_PASSWORD} octets`;
  }
  if (/[\0\r\n]/.test(password)) return "a password has no line ends and no NUL";
  return undefined;
}

/** A new password in the form that is hashed: as SASLprep makes it, or as it is where SASLprep has no form for it. */
export function preparedPassword(password: string): string {
  return saslPrep(password) ?? password;
}

/** The hash of a password in PHC notation, `$argon2id$v=19$…`. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, COST);
}

/**
 * Whether a password fits a hash that password-format.ts has let pass.
 *
 * @param stored undefined when there is no such account; the answer is then false and takes as long
 */
export async function verifyPassword(stored: string | undefined, password: string): Promise<boolean> {
  const usable = passwordFault(password) === undefined;
  const known = stored !== undefined && usable;
  await turns.take();
  try {
    const right = await fits(stored ?? NOBODYS_HASH, usable ? password : "x");
    return right && known;
  } catch (error) {
    throw new Error(`a stored hash cannot be read: ${messageOf(error)}`, { cause: error });
  } finally {
    turns.leave();
  }
}

async function fits(stored: string, password: string): Promise<boolean> {
  switch (hashKind(stored)) {
    case "argon2":
      return await verify(stored, password);
    case "bcrypt": {
      const { default: bcrypt } = await import("bcrypt");
      // `$2y$` is PHP's and Dovecot's name for what others call `$2b$`.
      return await bcrypt.compare(password, stored.replace(/^\$2y\$/, "$2b$"));
    }
    case "crypt": {
      const { checkCrypt } = await import("./crypt-threads.ts");
      return await checkCrypt(password, stored);
    }
  }
}

/** Threads that files and hashes share; libuv reads the same variable. */
const THREADS = Math.max(1, Number(process.env.UV_THREADPOOL_SIZE ?? 4) || 4);
/** Hashes at once: whoever guesses passwords must leave a thread to those who read mail. */
const AT_ONCE = Math.max(1, THREADS - 1);
/** Who has to wait does so in an order that guessing does not profit from. */
const turns = new LoginTurns(AT_ONCE, Math.max(1, AT_ONCE - 1));
