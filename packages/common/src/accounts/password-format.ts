/**
 * The forms of stored passwords that can be checked, and what they may cost. Nothing is hashed here, and no library is
 * loaded, so that commands which only look for names stay quick.
 *
 * Read are argon2, bcrypt (`$2a$ $2b$ $2y$`) and crypt(3)'s `$1$ $5$ $6$ $y$`, `$apr1$` of htpasswd, and each of them behind
 * Dovecot's scheme in braces. A hash that would take too long or too much memory is refused when it is read, not when
 * somebody logs in.
 */
import { MD5_CRYPT_FORM } from "./md5-crypt.ts";
import { parseYescrypt } from "./yescrypt.ts";

/** A stored password. */
export type StoredPassword =
  /** `hash` is without a scheme in braces. */
  | { readonly kind: "hash"; readonly hash: string }
  /** In clear, as Dovecot's `{PLAIN}` has it. */
  | { readonly kind: "clear"; readonly password: string }
  /** `*`, `!` or nothing: nobody logs in with a password. */
  | { readonly kind: "locked" }
  /** It can not be checked; `fault` says why. */
  | { readonly kind: "unknown"; readonly fault: string };

/** Memory that one argon2 hash may take, KiB, and memory times passes. */
const ARGON2_MEMORY = 256 * 1024;
const ARGON2_WORK = 1024 * 1024;
/** log2 of bcrypt's rounds: about 3 s. */
const BCRYPT_COST = 15;
/** Rounds of SHA-crypt; 5000 is usual. */
const SHA_ROUNDS = 500_000;
/** Memory of one yescrypt hash, octets: four times the usual, a second or so. */
const YESCRYPT_MEMORY = 64 * 1024 * 1024;

/** Dovecot's names for what we read, and what such a hash begins with. */
const SCHEMES: ReadonlyMap<string, RegExp> = new Map([
  ["CRYPT", /^/],
  ["ARGON2ID", /^\$argon2id\$/],
  ["ARGON2I", /^\$argon2i\$/],
  ["BLF-CRYPT", /^\$2/],
  ["SHA512-CRYPT", /^\$6\$/],
  ["SHA256-CRYPT", /^\$5\$/],
  ["MD5-CRYPT", /^\$1\$/],
]);

const CLEAR: ReadonlySet<string> = new Set(["PLAIN", "CLEAR", "CLEARTEXT"]);

/** Reads what stands in the password field of etc/mail/users, shadow(5), a Dovecot passwd-file or htpasswd. */
export function parsePassword(field: string): StoredPassword {
  const [, scheme, rest = ""] = /^\{([^{}]*)\}(.*)$/.exec(field) ?? [];
  if (scheme === undefined) return parseHash(field);
  const name = scheme.toUpperCase();
  if (CLEAR.has(name)) return { kind: "clear", password: rest };
  const begins = SCHEMES.get(name);
  if (begins === undefined) return unknown(`the scheme {${name}} is not read here`);
  const stored = parseHash(rest);
  return stored.kind === "hash" && !begins.test(rest)
    ? unknown(`a hash of another scheme than {${name}}`)
    : stored;
}

function parseHash(text: string): StoredPassword {
  if (text === "" || text === "x" || /^[!*]/.test(text)) return { kind: "locked" };
  const fault = hashFault(text);
  return fault === undefined ? { kind: "hash", hash: text } : unknown(fault);
}

function hashFault(text: string): string | undefined {
  const [, memory, passes, lanes] =
    /^\$argon2(?:id|i|d)\$(?:v=\d+\$)?m=(\d+),t=(\d+),p=(\d+)\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+$/.exec(text) ??
    [];
  if (memory !== undefined) {
    const dear =
      Number(memory) > ARGON2_MEMORY ||
      Number(memory) * Number(passes) > ARGON2_WORK ||
      Number(passes) > 100 ||
      Number(lanes) > 64;
    return dear ? "an argon2 hash that costs too much to check" : undefined;
  }
  const bcrypt = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(text)?.[1];
  if (bcrypt !== undefined) {
    const right = Number(bcrypt) >= 4 && Number(bcrypt) <= BCRYPT_COST;
    return right ? undefined : `a bcrypt hash of cost ${bcrypt}: from 04 to ${BCRYPT_COST} are checked`;
  }
  const sha =
    /^\$(?:5\$(rounds=\d+\$)?[^$:]{0,16}\$[./0-9A-Za-z]{43}|6\$(rounds=\d+\$)?[^$:]{0,16}\$[./0-9A-Za-z]{86})$/.exec(
      text,
    );
  if (sha !== null) {
    const rounds = Number(/\d+/.exec(sha[1] ?? sha[2] ?? "rounds=5000")![0]);
    if (rounds < 1000) return `a crypt hash of ${rounds} rounds: 1000 are the least`;
    return rounds > SHA_ROUNDS ? `a crypt hash of ${rounds} rounds: ${SHA_ROUNDS} are the most` : undefined;
  }
  if (MD5_CRYPT_FORM.test(text)) return undefined;
  if (text.startsWith("$y$")) {
    const costs = parseYescrypt(text);
    if (costs === undefined) return "a yescrypt hash of a flavour that is not read here";
    return costs.n * costs.r * 128 > YESCRYPT_MEMORY
      ? "a yescrypt hash that costs too much to check"
      : undefined;
  }
  if (/^[./0-9A-Za-z]{13}$/.test(text)) return "a DES hash, which keeps no password secret";
  return "no hash that is read here (argon2, bcrypt, or crypt's $1$, $5$, $6$, $y$)";
}

function unknown(fault: string): StoredPassword {
  return { kind: "unknown", fault };
}

/** How a hash is to be checked. */
export function hashKind(hash: string): "argon2" | "bcrypt" | "crypt" {
  if (hash.startsWith("$argon2")) return "argon2";
  return hash.startsWith("$2") ? "bcrypt" : "crypt";
}
