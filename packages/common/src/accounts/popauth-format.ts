/**
 * `etc/mail/popauth.db` as text: the secrets that APOP (RFC 1939) and CRAM-MD5 (RFC 2195) need in readable form.
 *
 *     #popauth 1
 *     wang:jJqcjZqL
 *     #end 1 5f1d2c…
 *
 * A secret is its octets, each XOR 0xff as in Qpopper's database, in base64: that hides it from a glance, and from nothing
 * else; the mode 0600 protects it. The last line counts the entries and has a digest of all before it, so that a file that
 * was cut off, or edited, is known for what it is and never taken for a database of fewer people.
 */
import { createHash } from "node:crypto";

/** Secrets as octets by account name in lower case. */
export type Secrets = ReadonlyMap<string, Buffer>;

/** A file's secrets, or what is wrong with it and in which line (0: the whole file). */
export type PopauthText =
  | { readonly ok: true; readonly secrets: Secrets }
  | { readonly ok: false; readonly line: number; readonly reason: string };

const HEAD = "#popauth 1";
/** Octets of the longest secret, as of a password. */
export const LONGEST_SECRET = 1024;
/** As of the names of accounts, `name@domain`. */
const LONGEST_NAME = 240;
/** What gdbm and Berkeley DB files begin with, as 32-bit numbers of either octet order; Berkeley DB's are at offset 12. */
const GDBM_MAGIC = new Set([0x13579ace, 0x13579acd, 0x13579acf, 0x13579ad0, 0x13579ad1]);
const BERKELEY_MAGIC = new Set([0x061561, 0x053162]);

/** Writes a database, its entries in the order of their names. */
export function formatPopauth(secrets: Secrets): string {
  const names = [...secrets.keys()].sort();
  const lines = names.map((name) => `${name}:${obscured(secrets.get(name)!).toString("base64")}\n`);
  const text = `${HEAD}\n${lines.join("")}`;
  return `${text}#end ${names.length} ${digestOf(text)}\n`;
}

/** Reads a database; anything that {@link formatPopauth} would not have written is damage. */
export function parsePopauth(data: Buffer): PopauthText {
  const damage = (line: number, reason: string): PopauthText => ({ ok: false, line, reason });
  const foreign = foreignKind(data);
  if (foreign !== undefined) {
    return damage(
      0,
      `is a ${foreign} file, as Qpopper's popauth makes: move it away, dump it, popauth --import`,
    );
  }
  const text = data.toString("latin1");
  if (!text.startsWith(`${HEAD}\n`)) return damage(1, `damaged: it does not begin with ${HEAD}`);
  const lines = text.split("\n");
  const end = /^#end (\d+) ([0-9a-f]{64})$/.exec(lines.at(-2) ?? "");
  if (lines.at(-1) !== "" || end === null) return damage(lines.length, "damaged: its end is missing");
  const secrets = new Map<string, Buffer>();
  for (let at = 1; at < lines.length - 2; at++) {
    const [, name = "", coded = ""] = /^([^:]+):([A-Za-z0-9+/]+={0,2})$/.exec(lines[at]!) ?? [];
    const secret = obscured(Buffer.from(coded, "base64"));
    const known = Buffer.from(name, "latin1").toString("utf8");
    if (popauthNameFault(known) !== undefined || secretFault(secret) !== undefined || secrets.has(known)) {
      return damage(at + 1, "damaged: no entry of a popauth database");
    }
    secrets.set(known, secret);
  }
  const before = text.slice(0, text.length - lines.at(-2)!.length - 1);
  if (Number(end[1]) !== secrets.size || digestOf(Buffer.from(before, "latin1")) !== end[2]) {
    return damage(lines.length - 1, "damaged: it is not as it was written");
  }
  return { ok: true, secrets };
}

/** What is wrong with a name as a key of the database, or nothing; it is given in lower case. */
export function popauthNameFault(name: string): string | undefined {
  if (name === "") return "a name is needed";
  if (Buffer.byteLength(name) > LONGEST_NAME) return `a name has at most ${LONGEST_NAME} octets`;
  if (/[\s\p{Cc}:/\ufffd]|^[#+-]/u.test(name)) return "a name has no spaces, colons and slashes";
  if (name !== name.toLowerCase()) return "a name is in lower case";
  return undefined;
}

/** What is wrong with a secret, or nothing. Control characters are refused: no client can type them. */
export function secretFault(secret: Buffer): string | undefined {
  if (secret.length === 0) return "an empty secret is no secret";
  if (secret.length > LONGEST_SECRET) return `a secret has at most ${LONGEST_SECRET} octets`;
  return secret.some((octet) => octet < 0x20 || octet === 0x7f)
    ? "a secret has no control characters"
    : undefined;
}

/** Each octet XOR 0xff: its own reverse. */
export function obscured(octets: Buffer): Buffer {
  return Buffer.from(octets.map((octet) => octet ^ 0xff));
}

function digestOf(text: string | Buffer): string {
  return createHash("sha256").update(text).digest("hex");
}

function foreignKind(data: Buffer): string | undefined {
  const is = (at: number, magic: ReadonlySet<number>) =>
    data.length >= at + 4 && (magic.has(data.readUInt32LE(at)) || magic.has(data.readUInt32BE(at)));
  if (is(0, GDBM_MAGIC)) return "gdbm";
  return is(12, BERKELEY_MAGIC) || is(0, BERKELEY_MAGIC) ? "Berkeley DB" : undefined;
}
