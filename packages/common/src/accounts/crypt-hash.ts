/**
 * Whether a password fits a hash of crypt(3): `$1$`, `$apr1$`, `$5$`, `$6$`, `$y$`. It keeps the thread busy for as long as
 * the hash asks for.
 */
import { timingSafeEqual } from "node:crypto";
import { encrypt } from "unixcrypt";
import { MD5_CRYPT_FORM, md5Crypt } from "./md5-crypt.ts";
import { parseYescrypt, yescrypt } from "./yescrypt.ts";

/** Whether it fits; false for a hash of another kind. */
export function fitsCrypt(password: string, hash: string): boolean {
  const octets = Buffer.from(password);
  const [, magic, salt = "", digits = ""] = MD5_CRYPT_FORM.exec(hash) ?? [];
  if (magic !== undefined) return same(md5Crypt(octets, magic, salt), digits);
  const costs = parseYescrypt(hash);
  if (costs !== undefined) return same(yescrypt(octets, costs), costs.hash);
  if (!/^\$[56]\$/.test(hash)) return false;
  return same(encrypt(password, hash.slice(0, hash.lastIndexOf("$"))), hash);
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
