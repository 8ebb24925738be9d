/**
 * The TLS side of a connection: from its first octet on port 995, or from STLS on.
 */

import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type SecureContext, TLSSocket } from "node:tls";

/** Wraps a stream. What is in its buffer already is read first; an error on either side ends both. */
export function encrypt(stream: Duplex, secureContext: SecureContext): TLSSocket {
  const encrypted = new TLSSocket(stream as Socket, { isServer: true, secureContext });
  encrypted.on("error", () => stream.destroy());
  return encrypted;
}
