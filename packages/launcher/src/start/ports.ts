/**
 * The ports: bound here, once, while we may still be root; the daemons inherit the descriptors.
 *
 * The launcher never accepts and keeps every descriptor open. When a daemon dies, its listening sockets stay with the
 * kernel, clients wait in their queues, and the next daemon takes them up.
 */
import { lookup } from "node:dns/promises";
import net, { isIP, isIPv6 } from "node:net";
import { LISTENER_KINDS, type ListenerKind } from "@mailhost/common/daemon/launcher-messages";
import { messageOf, UserError } from "@mailhost/common/errors";
import type { ListenAddress, Settings } from "@mailhost/common/settings/settings";
import { formatListenAddress } from "@mailhost/common/settings/units";
import { EX_CONFIG, EX_NOPERM, EX_UNAVAILABLE } from "@mailhost/common/sysexits";

/** A bound port. */
export interface BoundPort {
  readonly kind: ListenerKind;
  /** The address that it really has: port 0 became a number. */
  readonly address: ListenAddress;
  readonly fd: number;
  close(): void;
}

/** The part of Node's TCP handle that is used. A negative result is a system error's number. */
interface TcpHandle {
  readonly fd: number;
  getsockname(out: { address?: string; port?: number }): number;
  close(): void;
}

type MakeHandle = (
  host: string,
  port: number,
  family: 4 | 6,
  fd?: number,
  flags?: number,
) => TcpHandle | number;

/** An IPv6 wildcard leaves IPv4 alone (UV_TCP_IPV6ONLY). */
const IPV6_ONLY = 1;

/** Bound, not listening; a number when the system refuses. Node has it for its own cluster module. */
const makeHandle = (net as unknown as { _createServerHandle: MakeHandle })._createServerHandle;

const EADDRINUSE = -98;
const EACCES = -13;
const EADDRNOTAVAIL = -99;

/** The settings key of each kind, for messages. */
const KEYS: Readonly<Record<ListenerKind, string>> = {
  smtp: "smtp.listen",
  submission: "smtp.submission",
  smtps: "smtp.smtps",
  pop3: "pop3.listen",
  pop3s: "pop3.pop3s",
};

/** The kinds that are bound only when there is a certificate. */
export const NEED_TLS: ReadonlySet<ListenerKind> = new Set(["smtps", "pop3s"]);

/** The addresses that the settings name for a kind. */
export function listenersOf(settings: Settings, kind: ListenerKind): readonly ListenAddress[] {
  const { smtp, pop3 } = settings;
  const byKind: Record<ListenerKind, readonly ListenAddress[]> = {
    smtp: smtp.listen,
    submission: smtp.submission,
    smtps: smtp.smtps,
    pop3: pop3.listen,
    pop3s: pop3.pop3s,
  };
  return byKind[kind];
}

/**
 * Binds every listener of the settings, or none.
 *
 * @param withTls whether there is a certificate for the kinds that need one
 * @throws UserError saying which address, why, and what can be done about it
 */
export async function bindPorts(settings: Settings, withTls: boolean): Promise<BoundPort[]> {
  const bound: BoundPort[] = [];
  try {
    for (const kind of LISTENER_KINDS) {
      if (NEED_TLS.has(kind) && !withTls) continue;
      for (const wanted of listenersOf(settings, kind)) {
        for (const address of await resolved(wanted, KEYS[kind])) bound.push(bindPort(kind, address));
      }
    }
  } catch (error) {
    for (const port of bound) port.close();
    throw error;
  }
  return bound;
}

/**
 * Binds one port.
 *
 * @throws UserError as {@link bindPorts}
 */
export function bindPort(kind: ListenerKind, address: ListenAddress): BoundPort {
  const family = isIPv6(address.host) ? 6 : 4;
  const handle = makeHandle(address.host, address.port, family, undefined, family === 6 ? IPV6_ONLY : 0);
  if (typeof handle === "number") throw refusal(kind, address, handle);
  const name: { address?: string; port?: number } = {};
  // A port that is taken shows only here: the system's refusal to bind is kept until the first use.
  const status = handle.getsockname(name);
  if (status !== 0) {
    handle.close();
    throw refusal(kind, address, status);
  }
  return {
    kind,
    address: { host: name.address ?? address.host, port: name.port ?? address.port },
    fd: handle.fd,
    close: () => handle.close(),
  };
}

/** The addresses of a listener's host; an address stands for itself. */
async function resolved(address: ListenAddress, key: string): Promise<ListenAddress[]> {
  if (isIP(address.host) !== 0) return [address];
  try {
    const found = await lookup(address.host, { all: true });
    const hosts = new Set(found.map((f) => f.address));
    return [...hosts].map((host) => ({ host, port: address.port }));
  } catch (error) {
    throw new UserError(
      `cannot listen on ${formatListenAddress(address)}: the name has no address (${messageOf(error)}); see ${key}`,
      EX_CONFIG,
    );
  }
}

function refusal(kind: ListenerKind, address: ListenAddress, status: number): UserError {
  const where = `cannot listen on ${formatListenAddress(address)}`;
  const key = KEYS[kind];
  if (status === EADDRINUSE) {
    return new UserError(
      `${where}: the port is in use by another program (\`ss -ltnp\` shows it); stop that, or set another port in ${key}`,
      EX_UNAVAILABLE,
    );
  }
  if (status === EACCES) {
    return new UserError(
      `${where}: permission denied: ports below 1024 are root's; start as root (it becomes run.user), or set a higher port in ${key}`,
      EX_NOPERM,
    );
  }
  if (status === EADDRNOTAVAIL) {
    return new UserError(`${where}: this machine does not have the address; correct ${key}`, EX_CONFIG);
  }
  return new UserError(`${where}: system error ${-status}; see ${key}`, EX_UNAVAILABLE);
}

/** `mailhost ready smtp=127.0.0.1:2525 pop3=127.0.0.1:2110`: DESIGN section 4. */
export function readyLine(ports: readonly BoundPort[]): string {
  const parts = LISTENER_KINDS.flatMap((kind) => {
    const own = ports.filter((p) => p.kind === kind).map((p) => formatListenAddress(p.address));
    return own.length === 0 ? [] : [`${kind}=${own.join(",")}`];
  });
  return ["mailhost ready", ...parts].join(" ");
}
