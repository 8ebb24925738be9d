/**
 * The server's side of a handshake: a stream becomes an encrypted one within a bounded time, or is closed, and the reason is
 * returned. Nothing that a client sends ends the process.
 */
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type SecureContext, TLSSocket } from "node:tls";
import type { Clock } from "../clock.ts";
import { errnoOf } from "../errors.ts";
import { askForCertificate, type ServedCertificates } from "./served-certificates.ts";

/** How long a handshake may take, ms. */
export const HANDSHAKE_LIMIT = 30_000;

/** An encrypted stream, or why there is none. */
export type Handshake =
  | { readonly kind: "encrypted"; readonly stream: TLSSocket }
  | { readonly kind: "failed"; readonly reason: string };

/** What the socket is made with. */
function tlsSocketOptions(certificates: Pick<ServedCertificates, "contextFor">): {
  readonly isServer: true;
  readonly secureContext?: SecureContext;
  readonly SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => void;
} {
  const main = certificates.contextFor();
  return {
    isServer: true,
    ...(main === undefined ? {} : { secureContext: main }),
    SNICallback: (name, done) => done(null, certificates.contextFor(name)),
  };
}

/**
 * Encrypts a stream. The socket is there when this returns, so that the client's first octets find it; what is in the stream's
 * buffer by then is taken for the handshake's first, and never for a command. Whoever has to end it ends the socket, never the stream
 * below.
 *
 * @returns `over` resolves when the handshake is; the stream is destroyed when it failed. Never rejects
 */
export function beginHandshake(
  stream: Duplex,
  certificates: Pick<ServedCertificates, "contextFor">,
  clock: Clock,
): { readonly socket: TLSSocket; readonly over: Promise<Handshake> } {
  const options = tlsSocketOptions(certificates);
  const encrypted = new TLSSocket(stream as Socket, options);
  askForCertificate(encrypted, options.secureContext);
  // An error on either side ends both; without a listener it would end the process.
  encrypted.on("error", () => stream.destroy());
  const over = new Promise<Handshake>((resolve) => {
    const settle = (result: Handshake) => {
      late.cancel();
      encrypted.off("secure", done).off("error", failed).off("_tlsError", failed).off("close", closed);
      resolve(result);
      if (result.kind === "failed") encrypted.destroy();
    };
    const done = () => settle({ kind: "encrypted", stream: encrypted });
    const failed = (error: Error) => settle({ kind: "failed", reason: handshakeFault(error) });
    const closed = () => settle({ kind: "failed", reason: "the client hung up" });
    const late = clock.after(HANDSHAKE_LIMIT, () =>
      settle({ kind: "failed", reason: `no handshake within ${HANDSHAKE_LIMIT / 1000} s` }),
    );
    encrypted.on("secure", done).on("error", failed).on("_tlsError", failed).on("close", closed);
  });
  return { socket: encrypted, over };
}

const REASONS: Readonly<Record<string, string>> = {
  ERR_SSL_UNSUPPORTED_PROTOCOL: "the client speaks no version of TLS that we do",
  ERR_SSL_VERSION_TOO_LOW: "the client speaks no version of TLS that we do",
  ERR_SSL_NO_SHARED_CIPHER: "the client has no cipher that we have",
  ERR_SSL_HTTP_REQUEST: "the client speaks HTTP",
  ERR_SSL_WRONG_VERSION_NUMBER: "the client does not speak TLS",
  ERR_SSL_INAPPROPRIATE_FALLBACK: "the client fell back to an older version without need",
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: "the client does not trust the certificate: unknown authority",
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: "the client does not trust the certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: "the client does not trust the certificate",
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: "the client does not trust the certificate: it has expired",
  ECONNRESET: "the client hung up",
  EPIPE: "the client hung up",
};

/** Why a handshake failed, in words that name the way out; OpenSSL's own for what is rare. */
export function handshakeFault(error: Error): string {
  const code = errnoOf(error) ?? "";
  return REASONS[code] ?? (error as { reason?: string }).reason ?? error.message;
}
