/**
 * A host that speaks TLS on all its five ports, and ways to its handshakes: by `openssl s_client`, by Node, and octet by octet.
 */
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import type { Authority, Issued } from "../harness/authority.ts";
import { install } from "../harness/authority.ts";
import type { Scope } from "../harness/clean-ups.ts";
import { Connection, type Endpoint } from "../harness/connection.ts";
import {
  type HostOptions,
  type MailHost,
  prepareSite,
  type SettingsTree,
  type Site,
  startOn,
} from "../harness/host.ts";
import { type Ran, runProgram } from "../harness/programs.ts";

/** The ways to a handshake: port, and what `s_client -starttls` calls what is said before. */
export const WAYS = [
  { port: "smtp", starttls: "smtp" },
  { port: "submission", starttls: "smtp" },
  { port: "smtps", starttls: undefined },
  { port: "pop3", starttls: "pop3" },
  { port: "pop3s", starttls: undefined },
] as const;
export type Way = (typeof WAYS)[number];

/** A site with all ports and, when one is given, its main certificate. */
export async function tlsSite(
  t: Scope,
  main: Issued | undefined,
  options: HostOptions & { readonly tls?: SettingsTree } = {},
): Promise<Site> {
  const site = await prepareSite(t, {
    ...options,
    settings: {
      ...options.settings,
      smtp: { smtps: ["127.0.0.1:0"], ...below(options.settings?.smtp) },
      pop3: { pop3s: ["127.0.0.1:0"], ...below(options.settings?.pop3) },
      tls: { selfSigned: true, ...options.tls },
    },
  });
  if (main !== undefined) install(site.path("etc/mail/tls"), main);
  return site;
}

function below(tree: unknown): SettingsTree {
  return typeof tree === "object" && tree !== null ? (tree as SettingsTree) : {};
}

/** The same, started. */
export async function tlsHost(
  t: Scope,
  main: Issued | undefined,
  options: HostOptions & { readonly tls?: SettingsTree } = {},
): Promise<MailHost> {
  return startOn(t, await tlsSite(t, main, options));
}

/** Where a way leads. */
export function endpointOf(host: MailHost, { port }: Way): Endpoint {
  const [endpoint] = host.listening(port);
  if (endpoint === undefined) throw new Error(`the host has no port for ${port}`);
  return endpoint;
}

/** `openssl s_client` on a way. */
export function sClient(host: MailHost, way: Way, args: readonly string[], input = "QUIT\r\n"): Promise<Ran> {
  const { port } = endpointOf(host, way);
  const before = way.starttls === undefined ? [] : ["-starttls", way.starttls];
  return runProgram("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, ...before, ...args], { input });
}

/** A plain connection up to where the handshake begins. */
export async function beforeHandshake(host: MailHost, way: Way): Promise<Connection> {
  const connection = await Connection.open(endpointOf(host, way));
  if (way.starttls === undefined) return connection;
  await connection.readText();
  if (way.starttls === "pop3") {
    await connection.write("STLS\r\n");
    await connection.readText();
    return connection;
  }
  await connection.write("EHLO client.example\r\n");
  while (!(await connection.readText()).startsWith("250 ")) {
    // The features.
  }
  await connection.write("STARTTLS\r\n");
  await connection.readText();
  return connection;
}

/** A session behind its handshake. */
export async function encrypted(
  host: MailHost,
  way: Way,
  { authority, name }: { readonly authority?: Authority; readonly name?: string } = {},
): Promise<{ readonly socket: TLSSocket; readonly lines: Connection; readonly names: string }> {
  const { socket: plain } = await beforeHandshake(host, way);
  plain.removeAllListeners("data");
  const { readFileSync } = await import("node:fs");
  const socket = tlsConnect({
    socket: plain,
    ...(name === undefined ? {} : { servername: name }),
    ...(authority === undefined ? { rejectUnauthorized: false } : { ca: readFileSync(authority.caFile) }),
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve).once("error", reject);
  });
  const names = socket.getPeerCertificate().subjectaltname ?? "";
  return { socket, lines: Connection.over(socket, 60_000), names };
}
