/**
 * Challenges of APOP (RFC 1939 section 7) and CRAM-MD5 (RFC 2195 section 2): `<process.seconds.random@host>`, a
 * message id in the sense of RFC 822.
 *
 * Process and time are for people; the 128 random bits are what makes each unpredictable and different from all others,
 * of this process and of any.
 */
import { randomBytes } from "node:crypto";
import type { Clock } from "../clock.ts";

/**
 * Makes a challenge.
 *
 * @param host put behind the `@`; anything that a message id may not hold is left out
 */
export function newChallenge(host: string, clock: Clock): string {
  const random = randomBytes(16).toString("hex");
  const domain = host.replace(/[^A-Za-z0-9.-]/g, "") || "localhost";
  return `<${process.pid}.${Math.floor(clock.now() / 1000)}.${random}@${domain}>`;
}
