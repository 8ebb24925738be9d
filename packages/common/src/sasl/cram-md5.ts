/**
 * SASL CRAM-MD5 (RFC 2195): the client proves with a keyed digest of a challenge that it knows the secret.
 */
import { malformed, nameText, type SaslMechanism } from "./mechanism.ts";

/** CRAM-MD5. */
export const CRAM_MD5: SaslMechanism = {
  name: "CRAM-MD5",
  clearText: false,
  start(newChallenge) {
    const challenge = newChallenge();
    return {
      begin: (initial) =>
        // The server speaks first; what is said before its challenge proves nothing.
        initial === undefined
          ? { kind: "challenge", octets: Buffer.from(challenge) }
          : malformed("this mechanism has no initial response"),
      respond(response) {
        // A name may hold spaces; the digest does not.
        const space = response.lastIndexOf(" ");
        const name = nameText(response.subarray(0, Math.max(space, 0)));
        const digest = response.toString("latin1", space + 1);
        if (name === undefined || name === "" || !/^[0-9a-f]{32}$/.test(digest)) {
          return malformed("expected a name and a digest");
        }
        return { kind: "credentials", credentials: { kind: "cram-md5", name, challenge, digest } };
      },
    };
  },
};
