/**
 * What is spoken: versions, ciphers, curves. TLS 1.2 and 1.3 with forward secrecy, AEAD first; nothing older, nothing with RC4,
 * 3DES, export keys, no encryption or no authentication, whatever the settings say, as the library's security level is kept.
 */
import { constants } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { ConfigError, messageOf } from "../errors.ts";
import type { TlsSettings } from "../settings/roaming-settings.ts";

/** Those of TLS 1.3, all of which are good (RFC 8446 section B.4). */
const TLS_1_3 = ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"];

/**
 * Those of TLS 1.2. The CBC ones are for mail programs of before 2015, as Outlook on Windows 8: without them such a program's
 * user goes back to no encryption at all. Mozilla's "intermediate" has them no more; both have SHA-2 or are ECDHE's first form.
 */
const TLS_1_2 = [
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-SHA384",
  "ECDHE-RSA-AES256-SHA384",
  "ECDHE-ECDSA-AES128-SHA256",
  "ECDHE-RSA-AES128-SHA256",
  "ECDHE-ECDSA-AES256-SHA",
  "ECDHE-RSA-AES256-SHA",
  "ECDHE-ECDSA-AES128-SHA",
  "ECDHE-RSA-AES128-SHA",
];

/** Whatever `tls.ciphers` asks for, these are not spoken. */
const NEVER = [
  "!aNULL",
  "!eNULL",
  "!EXPORT",
  "!LOW",
  "!RC4",
  "!3DES",
  "!DES",
  "!MD5",
  "!IDEA",
  "!SEED",
  "!RC2",
  "!PSK",
  "!SRP",
];

/** The options of every context but certificate and key. */
export function contextOptions({
  minVersion,
  ciphers,
}: Pick<TlsSettings, "minVersion" | "ciphers">): SecureContextOptions {
  const own = ciphers === "" ? TLS_1_2 : [ciphers];
  return {
    minVersion: minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2",
    maxVersion: "TLSv1.3",
    ciphers: [...TLS_1_3, ...own, ...NEVER].join(":"),
    honorCipherOrder: true,
    ecdhCurve: "X25519:P-256:P-384",
    secureOptions: constants.SSL_OP_NO_COMPRESSION | constants.SSL_OP_NO_RENEGOTIATION,
    // Without one of its own, a context takes up no session of TLS 1.2.
    sessionIdContext: "mailhost",
  };
}

/**
 * Looks whether the library can work with the settings.
 *
 * @throws ConfigError naming `tls.ciphers`
 */
export function requireKnownCiphers(
  settingsFile: string,
  tls: Pick<TlsSettings, "minVersion" | "ciphers">,
): void {
  try {
    createSecureContext(contextOptions(tls));
    // The names of TLS 1.3 are always there: by themselves, those of the settings must be something.
    if (tls.ciphers !== "") createSecureContext({ ciphers: tls.ciphers, maxVersion: "TLSv1.2" });
  } catch (error) {
    const why = /no.cipher/i.test(messageOf(error))
      ? "OpenSSL knows no such cipher, or holds it for unsafe"
      : messageOf(error);
    throw new ConfigError(
      settingsFile,
      0,
      `tls.ciphers: "${tls.ciphers}": ${why}; \`openssl ciphers -v\` lists names`,
    );
  }
}
