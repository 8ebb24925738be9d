/**
 * The certificates that a server shows, chosen by the name that a client asks for (SNI, RFC 6066 section 3). They can be
 * exchanged at any time: handshakes from then on get the new ones, sessions that are open keep what they have.
 */
import { createSecureContext, type SecureContext } from "node:tls";
import type { Clock, Timer } from "../clock.ts";
import type { TlsSettings } from "../settings/roaming-settings.ts";
import type { Certificate } from "./certificate.ts";
import { contextOptions } from "./context-options.ts";

/** What a session ticket is encrypted with is thrown away after this, ms: who steals it later reads nothing of before. */
const TICKET_KEYS_LAST = 12 * 60 * 60_000;

/** What the choice of ciphers depends on. */
export type Spoken = Pick<TlsSettings, "minVersion" | "ciphers">;

/** The contexts of one server process. */
export interface ServedCertificates {
  /** Whether there is any: TLS is offered. */
  any(): boolean;
  /** The context for a name; without one, or for an unknown one, that of the first certificate. */
  contextFor(serverName?: string): SecureContext | undefined;
  /** Other certificates, or other ciphers, from the next handshake on. */
  replace(certificates: readonly Certificate[], spoken: Spoken): void;
  /** Stops renewing the keys of session tickets. */
  close(): void;
}

/** What a server has that speaks no TLS. */
export const NO_CERTIFICATES: Pick<ServedCertificates, "any" | "contextFor"> = {
  any: () => false,
  contextFor: () => undefined,
};

/** Makes them ready. The first certificate is the one for whoever asks for no name. */
export function serveCertificates(
  first: readonly Certificate[],
  spokenFirst: Spoken,
  clock: Clock,
): ServedCertificates {
  let certificates = first;
  let spoken = spokenFirst;
  let contexts: Contexts = contextsOf(certificates, spoken);
  let timer: Timer | undefined;
  // A new context has new keys for tickets; clients with an old one do a full handshake, and notice nothing.
  const renewLater = () => {
    timer = clock.after(TICKET_KEYS_LAST, () => {
      contexts = contextsOf(certificates, spoken);
      renewLater();
    });
  };
  renewLater();
  return {
    any: () => certificates.length > 0,
    contextFor: (serverName) => choose(contexts, serverName),
    replace(nextCertificates, nextSpoken) {
      contexts = contextsOf(nextCertificates, nextSpoken);
      certificates = nextCertificates;
      spoken = nextSpoken;
    },
    close: () => timer?.cancel(),
  };
}

interface Contexts {
  readonly main: SecureContext | undefined;
  /** `mail.example.com`, `*.example.com`. */
  readonly byName: ReadonlyMap<string, SecureContext>;
}

function contextsOf(certificates: readonly Certificate[], spoken: Spoken): Contexts {
  const options = contextOptions(spoken);
  const byName = new Map<string, SecureContext>();
  let main: SecureContext | undefined;
  for (const { chain, key, names } of certificates) {
    const context = createSecureContext({ ...options, cert: chain, key });
    main ??= context;
    for (const name of names) if (!byName.has(name)) byName.set(name, context);
  }
  return { main, byName };
}

function choose({ main, byName }: Contexts, serverName: string | undefined): SecureContext | undefined {
  if (serverName === undefined || serverName === "") return main;
  const name = serverName.toLowerCase().replace(/\.$/, "");
  const dot = name.indexOf(".");
  return byName.get(name) ?? (dot > 0 ? byName.get(`*${name.slice(dot)}`) : undefined) ?? main;
}
