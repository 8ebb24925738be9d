/**
 * Whether a digest proves the knowledge of a secret. The same work is done when there is no secret, and the comparison takes
 * as long for a wrong digest as for a right one: the time of an answer tells nobody which names exist.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Stands for the secret of somebody who has none. */
const NOBODYS_SECRET = Buffer.from("nobody's secret");

/**
 * APOP (RFC 1939 section 7): MD5 of the challenge, its angle brackets included, and the secret.
 *
 * @param secret undefined when there is none: the answer is then false
 * @param digest what the client sent; 32 hexadecimal digits in lower case, or it is wrong
 */
export function provesApop(secret: Buffer | undefined, challenge: string, digest: string): boolean {
  return same(
    secret,
    createHash("md5")
      .update(challenge)
      .update(secret ?? NOBODYS_SECRET)
      .digest("hex"),
    digest,
  );
}

/** CRAM-MD5 (RFC 2195 section 2): HMAC-MD5 of the challenge, keyed with the secret; see {@link provesApop}. */
export function provesCramMd5(secret: Buffer | undefined, challenge: string, digest: string): boolean {
  return same(
    secret,
    createHmac("md5", secret ?? NOBODYS_SECRET)
      .update(challenge)
      .digest("hex"),
    digest,
  );
}

function same(secret: Buffer | undefined, right: string, given: string): boolean {
  const equal = timingSafeEqual(sized(right), sized(given)) && given.length === right.length;
  return equal && secret !== undefined;
}

/** Both sides of the comparison have the length of a digest, whatever was sent. */
function sized(text: string): Buffer {
  const octets = Buffer.alloc(32);
  octets.write(text, "latin1");
  return octets;
}
