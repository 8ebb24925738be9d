/**
 * One connection to a directory (RFC 4511), encrypted as the settings say before anything is said on it.
 *
 * It is never made anew behind one's back: a password that was meant for an encrypted connection must not go over the plain
 * one that follows it. Every step has the time limit of the settings. Referrals are not followed.
 */
import { readFileSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { Client, Entry } from "ldapts";
import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import type { LdapSettings } from "../settings/roaming-settings.ts";
import { type Site, sitePath } from "../site.ts";
import { AccountsUnavailable } from "./account-errors.ts";

/** Who is bound on a connection. */
export interface Binding {
  readonly dn: string;
  readonly password: string;
}

/** What connections are made with. */
export interface LdapParts {
  readonly site: Site;
  readonly settings: LdapSettings;
  readonly clock: Clock;
}

/** An open connection. */
export interface LdapConnection {
  readonly isOpen: boolean;
  /** @throws AccountsUnavailable, or the directory's refusal */
  bind(binding: Binding): Promise<void>;
  /** Entries below the base; two at most, as more than one is too many. */
  search(filter: string, attributes: readonly string[]): Promise<Entry[]>;
  close(): void;
}

/**
 * Connects.
 *
 * @throws AccountsUnavailable when it can not be done
 */
export async function connectLdap({ site, settings, clock }: LdapParts): Promise<LdapConnection> {
  const [{ Client }, { connect: connectPlain, isIP }, { connect: connectTls }] = await Promise.all([
    import("ldapts"),
    import("node:net"),
    import("node:tls"),
  ]);
  const { url, timeout, startTls } = settings;
  const { hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, "");
  const tlsOptions = tlsOptionsOf(site, settings, { host, isName: isIP(host) === 0 });
  let socket: Socket | undefined;
  const once = <T extends Socket>(make: () => T): T => {
    if (socket !== undefined) throw new AccountsUnavailable(`${url}: the connection was lost`);
    const made = make();
    socket = made;
    return made;
  };
  const client: Client = new Client({
    url,
    strictDN: false,
    // With these, any connection is encrypted from its beginning.
    ...(url.startsWith("ldaps:") ? { tlsOptions } : {}),
    createConnection: ((port: number, to: string) => once(() => connectPlain(port, to))) as never,
    // The second connection that StartTLS makes is over the first one's socket.
    createSecureConnection: ((...given: Parameters<typeof connectTls>) =>
      startTls ? connectTls(...given) : once(() => connectTls(...given))) as typeof connectTls,
  });
  let closed = false;
  const close = () => {
    closed = true;
    socket?.destroy();
  };
  const limited = async <T>(work: Promise<T>): Promise<T> => {
    let late: { cancel(): void } | undefined;
    const limit = new Promise<never>((_, reject) => {
      late = clock.after(timeout, () => {
        reject(new AccountsUnavailable(`${url}: no answer within ${timeout} ms`));
        close();
      });
    });
    try {
      return await Promise.race([work, limit]);
    } finally {
      late?.cancel();
    }
  };
  const connection: LdapConnection = {
    get isOpen() {
      return !closed && client.isConnected;
    },
    bind: ({ dn, password }) => limited(client.bind(dn, password)),
    async search(filter, attributes) {
      const found = await limited(
        client.search(settings.base, {
          scope: "sub",
          filter,
          sizeLimit: 2,
          timeLimit: Math.ceil(timeout / 1000),
          attributes: [...attributes],
        }),
      );
      return found.searchEntries;
    },
    close,
  };
  if (!startTls) return connection;
  try {
    await limited(client.startTLS(tlsOptions));
    return connection;
  } catch (error) {
    close();
    throw new AccountsUnavailable(`${url}: no StartTLS: ${messageOf(error)}`, { cause: error });
  }
}

/** Who looks names up; undefined: anybody. */
export function searchBinding({ site, settings }: LdapParts): Binding | undefined {
  const { bindDn, bindPasswordFile } = settings;
  if (bindDn === "") return undefined;
  const file = sitePath(site, bindPasswordFile);
  try {
    const mode = statSync(file).mode & 0o777;
    if ((mode & 0o077) !== 0)
      throw new Error(`mode ${mode.toString(8).padStart(4, "0")} lets others at it; chmod 600 it`);
    const password = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    // A directory takes a name without a password for nobody's, and answers that all is well (RFC 4513 section 5.1.2).
    if (password === "") throw new Error("is empty");
    return { dn: bindDn, password };
  } catch (error) {
    throw new AccountsUnavailable(`ldap.bindPasswordFile: ${file}: ${messageOf(error)}`, { cause: error });
  }
}

function tlsOptionsOf(
  site: Site,
  { caFile }: LdapSettings,
  { host, isName }: { readonly host: string; readonly isName: boolean },
): ConnectionOptions {
  return {
    host,
    ...(isName ? { servername: host } : {}),
    ...(caFile === "" ? {} : { ca: readCertificates(sitePath(site, caFile)) }),
    minVersion: "TLSv1.2",
  };
}

function readCertificates(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new AccountsUnavailable(`ldap.caFile: ${file}: ${messageOf(error)}`, { cause: error });
  }
}
