/**
 * The certificates that a server shows, chosen by the name that a client asks for (SNI, RFC 6066 section 3). They can be
 * exchanged at any time: handshakes from then on get the new ones, sessions that are open keep what they have.
 */
import { createPrivateKey } from "node:crypto";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { createSecureContext, type SecureContext, type SecureContextOptions, TLSSocket } from "node:tls";
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
  readonly any: () => boolean;
  /**
   * The context that a handshake begins with; or, for the name that the client asks for, the one that it goes on with: that of the
   * first certificate where no other is for the name.
   */
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

/** What {@link serveCertificates} needs besides. */
export interface ServeParts {
  readonly clock: Clock;
  /** Whether {@link askForCertificate} works with this Node; it is found out when not given. */
  readonly canAsk?: () => boolean;
}

/** Makes them ready. The first certificate is the one for whoever asks for no name. */
export function serveCertificates(
  first: readonly Certificate[],
  spokenFirst: Spoken,
  { clock, canAsk = nodeAsks }: ServeParts,
): ServedCertificates {
  let certificates = first;
  let spoken = spokenFirst;
  let contexts: Contexts = contextsOf(certificates, spoken, canAsk);
  let timer: Timer | undefined;
  // A new context has new keys for tickets; clients with an old one do a full handshake, and notice nothing.
  const renewLater = () => {
    timer = clock.after(TICKET_KEYS_LAST, () => {
      contexts = contextsOf(certificates, spoken, canAsk);
      renewLater();
    });
  };
  renewLater();
  return {
    any: () => certificates.length > 0,
    contextFor: (serverName) => choose(contexts, serverName),
    replace(nextCertificates, nextSpoken) {
      contexts = contextsOf(nextCertificates, nextSpoken, canAsk);
      certificates = nextCertificates;
      spoken = nextSpoken;
    },
    close: () => timer?.cancel(),
  };
}

interface Contexts {
  readonly main: SecureContext | undefined;
  /** What handshakes begin with. */
  readonly first: SecureContext | undefined;
  /** `mail.example.com`, `*.example.com`. */
  readonly byName: ReadonlyMap<string, SecureContext>;
}

function contextsOf(certificates: readonly Certificate[], spoken: Spoken, canAsk: () => boolean): Contexts {
  const options = contextOptions(spoken);
  const byName = new Map<string, SecureContext>();
  let main: SecureContext | undefined;
  const kinds = new Set<string | undefined>();
  for (const { chain, key, names } of certificates) {
    const context = createSecureContext({ ...options, cert: chain, key });
    kinds.add(createPrivateKey(key).asymmetricKeyType);
    main ??= context;
    for (const name of names) if (!byName.has(name)) byName.set(name, context);
  }
  return { main, byName, first: kinds.size > 1 && canAsk() ? bareContext(options) : main };
}

const bare = new WeakSet<SecureContext>();

/**
 * Where there are keys of RSA and of elliptic curves, handshakes begin without any: Node adds the certificate of a name to the one
 * that is there, and beside a key of the other kind OpenSSL would go on choosing that one.
 */
function bareContext(options: SecureContextOptions): SecureContext {
  const context = createSecureContext(options);
  bare.add(context);
  return context;
}

/**
 * Has a server's socket ask for the certificate also when the client names no host, which Node leaves away, where its context has none
 * of its own. It takes a property of Node's own, `oncertcb`, that has been there since version 0.12. In a Node without it no context
 * is without a certificate: each client gets one that works, though with keys of two kinds it may be that of another name.
 */
export function askForCertificate(socket: TLSSocket, context: SecureContext | undefined): void {
  if (context === undefined || !bare.has(context)) return;
  const handle = handleOf(socket);
  const asked = handle?.oncertcb;
  if (handle === undefined || handle === null || asked === undefined) return;
  handle.oncertcb = function (hello) {
    return asked.call(this, { ...hello, servername: hello.servername || NO_NAME });
  };
}

/** Node's own side of a socket. */
function handleOf(
  socket: TLSSocket,
): { oncertcb?: (this: unknown, hello: Hello) => unknown } | null | undefined {
  return (socket as unknown as { _handle?: { oncertcb?: (this: unknown, hello: Hello) => unknown } | null })
    ._handle;
}

/** Whether this Node has what {@link askForCertificate} takes: a socket that is connected to nothing shows it. */
export function nodeAsks(): boolean {
  const nowhere = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
  const options = { isServer: true, SNICallback: () => undefined };
  const socket = new TLSSocket(nowhere as unknown as Socket, options).on("error", () => undefined);
  const asks = typeof handleOf(socket)?.oncertcb === "function";
  socket.destroy();
  return asks;
}

/** What a client says at first, as Node tells it. */
interface Hello {
  readonly servername?: string | false;
}

/** Stands for the name of whoever names none: no certificate has it. */
const NO_NAME = ".";

function choose(
  { main, first, byName }: Contexts,
  serverName: string | undefined,
): SecureContext | undefined {
  if (serverName === undefined) return first;
  const name = serverName.toLowerCase().replace(/\.$/, "");
  const dot = name.indexOf(".");
  return byName.get(name) ?? (dot > 0 ? byName.get(`*${name.slice(dot)}`) : undefined) ?? main;
}
