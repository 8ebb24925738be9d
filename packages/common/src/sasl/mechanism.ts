/**
 * The server's side of a SASL mechanism (RFC 4422) as a pure state machine: octets in, octets out. POP3's AUTH and SMTP's
 * carry them in base64 lines of their own; who is let in is decided by them, from the {@link SaslCredentials} at the end.
 */

/** What a client showed, still to be verified. */
export type SaslCredentials =
  | {
      readonly kind: "password";
      readonly name: string;
      /** Whom it wants to act as; empty: itself. */
      readonly authorization: string;
      readonly password: string;
    }
  | {
      readonly kind: "cram-md5";
      readonly name: string;
      readonly challenge: string;
      /** 32 hexadecimal digits. */
      readonly digest: string;
    };

/** Where an exchange stands. */
export type SaslStep =
  /** To be sent; the client's answer is the next response. */
  | { readonly kind: "challenge"; readonly octets: Buffer }
  | { readonly kind: "credentials"; readonly credentials: SaslCredentials }
  /** The exchange is over: what came is no response of this mechanism. */
  | { readonly kind: "malformed"; readonly reason: string };

/** One exchange. */
export interface SaslExchange {
  /** @param initial the initial response; undefined when the client sent none */
  begin(initial: Buffer | undefined): SaslStep;
  /** Only after a challenge. */
  respond(response: Buffer): SaslStep;
}

/** A mechanism. */
export interface SaslMechanism {
  /** In upper case, as announced. */
  readonly name: string;
  /** Whoever reads along learns the password. */
  readonly clearText: boolean;
  /** @param newChallenge makes a challenge that was never there before */
  start(newChallenge: () => string): SaslExchange;
}

/** Octets of the longest line of an exchange, its CR LF included: a longer one than any mechanism here has use for. */
export const LONGEST_SASL_LINE = 4096;
/** Octets of the longest name (RFC 4616 section 2). */
const LONGEST_NAME = 255;
/** Octets of the longest password, as of those that are kept. */
const LONGEST_PASSWORD = 1024;

/** A step that ends an exchange. */
export function malformed(reason: string): SaslStep {
  return { kind: "malformed", reason };
}

/** Octets as a name: UTF-8 without control characters (RFC 4013 section 2.3), of a length that a name may have. */
export function nameText(octets: Buffer): string | undefined {
  return octets.length > LONGEST_NAME ? undefined : plainText(octets);
}

/** Octets as a password. */
export function passwordText(octets: Buffer): string | undefined {
  return octets.length === 0 || octets.length > LONGEST_PASSWORD ? undefined : plainText(octets);
}

function plainText(octets: Buffer): string | undefined {
  const text = octets.toString("utf8");
  // What is no UTF-8 does not come back as the same octets.
  return /\p{Cc}/u.test(text) || !Buffer.from(text).equals(octets) ? undefined : text;
}

/** The octets of a base64 text (RFC 4648 section 4), or undefined when it is none: no white space, padding as it must be. */
export function fromBase64(text: string): Buffer | undefined {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : undefined;
}
