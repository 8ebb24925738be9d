/**
 * crypt(3)'s `$1$` (Poul-Henning Kamp's, FreeBSD 1994) and Apache's `$apr1$`, which differ in that prefix only. Kept for
 * copied files: it is weak today, and `mailhost user passwd` replaces it.
 */
import { createHash } from "node:crypto";

const DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Which octets of the digest stand together in four digits. */
const ORDER = [
  [0, 6, 12],
  [1, 7, 13],
  [2, 8, 14],
  [3, 9, 15],
  [4, 10, 5],
] as const;

/** Prefix, salt and digits of such a hash. */
export const MD5_CRYPT_FORM = /^\$(1|apr1)\$([^$:]{0,8})\$([./0-9A-Za-z]{22})$/;

/** The 22 digits of a password under a salt. */
export function md5Crypt(password: Buffer, magic: string, salt: string): string {
  const salted = Buffer.from(salt);
  const inner = md5(password, salted, password);
  const parts: Buffer[] = [password, Buffer.from(`$${magic}$`), salted];
  for (let left = password.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = password.length; bits > 0; bits >>= 1)
    parts.push((bits & 1) === 1 ? Buffer.of(0) : password.subarray(0, 1));
  let digest = md5(...parts);
  for (let i = 0; i < 1000; i++) {
    const odd = i % 2 === 1;
    digest = md5(
      odd ? password : digest,
      i % 3 === 0 ? Buffer.of() : salted,
      i % 7 === 0 ? Buffer.of() : password,
      odd ? digest : password,
    );
  }
  const groups = ORDER.map(([a, b, c]) =>
    digits((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4),
  ).join("");
  return groups + digits(digest[11]!, 2);
}

function md5(...parts: readonly Buffer[]): Buffer {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function digits(value: number, count: number): string {
  return Array.from({ length: count }, (_, i) => DIGITS[(value >> (6 * i)) & 63]).join("");
}
