/**
 * What was agreed on in a handshake, as log lines and Received fields tell it.
 */
import type { TLSSocket } from "node:tls";

/** Version, cipher and the length of its key. */
export interface TlsFacts {
  /** `TLSv1.3`. */
  readonly version: string;
  /** OpenSSL's name: `TLS_AES_256_GCM_SHA384`. */
  readonly cipher: string;
  /** Bits of the cipher's key. */
  readonly bits: number;
}

/** Of a connection whose handshake is done. */
export function tlsFacts(socket: Pick<TLSSocket, "getProtocol" | "getCipher">): TlsFacts {
  const cipher = socket.getCipher().name;
  return { version: socket.getProtocol() ?? "TLS", cipher, bits: bitsOf(cipher) };
}

function bitsOf(cipher: string): number {
  if (/CHACHA20/.test(cipher)) return 256;
  return Number(/(?:AES|CAMELLIA|ARIA)_?(128|256)/.exec(cipher)?.[1] ?? 128);
}
