/**
 * Binding a port and keeping it: the socket exists and does not listen yet, so that whoever binds it as root can hand it, by its
 * descriptor, to a server that is nobody.
 */
import { lookup } from "node:dns/promises";
import net, { isIP, isIPv6 } from "node:net";
import { messageOf, UserError } from "../errors.ts";
import type { ListenAddress } from "../settings/settings.ts";
import { formatListenAddress } from "../settings/units.ts";
import { EX_CONFIG, EX_NOPERM, EX_UNAVAILABLE } from "../sysexits.ts";
import type { ListenerKind } from "./launcher-messages.ts";
import { bindUdpHandle } from "./udp-handle.ts";

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
export const LISTENER_KEYS: Readonly<Record<ListenerKind, string>> = {
  smtp: "smtp.listen",
  submission: "smtp.submission",
  smtps: "smtp.smtps",
  pop3: "pop3.listen",
  pop3s: "pop3.pop3s",
  drac: "drac.rpcListen",
  dracudp: "drac.rpcListen",
  dracudp6: "drac.rpcListen",
};

/**
 * Binds one port.
 *
 * @param key the settings key that the address is from, for messages
 * @throws UserError saying which address, why, and what can be done about it
 */
export function bindPort(kind: ListenerKind, address: ListenAddress, key = LISTENER_KEYS[kind]): BoundPort {
  const family = isIPv6(address.host) ? 6 : 4;
  const handle = isUdp(kind)
    ? bindUdpHandle(address.host, address.port, family)
    : makeHandle(address.host, address.port, family, undefined, family === 6 ? IPV6_ONLY : 0);
  if (typeof handle === "number") throw refusal(key, address, handle);
  const name: { address?: string; port?: number } = {};
  // A port that is taken shows only here: the system's refusal to bind is kept until the first use.
  const status = handle.getsockname(name);
  if (status !== 0) {
    handle.close();
    throw refusal(key, address, status);
  }
  return {
    kind,
    address: { host: name.address ?? address.host, port: name.port ?? address.port },
    fd: handle.fd,
    close: () => handle.close(),
  };
}

function isUdp(kind: ListenerKind): boolean {
  return kind === "dracudp" || kind === "dracudp6";
}

/** The addresses of a listener's host; an address stands for itself. */
export async function addressesOf(address: ListenAddress, key: string): Promise<ListenAddress[]> {
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

function refusal(key: string, address: ListenAddress, status: number): UserError {
  const where = `cannot listen on ${formatListenAddress(address)}`;
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
