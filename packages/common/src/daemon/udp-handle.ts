/**
 * A UDP port that is bound and from which nobody reads yet: as bound-port.ts has it for TCP. Node binds and begins to read in one
 * step, so its handle is bound by hand.
 */
import { createSocket, type Socket } from "node:dgram";

/** The part of Node's UDP handle that is used. A negative result is a system error's number. */
interface UdpHandle {
  readonly fd: number;
  bind(host: string, port: number, flags: number): number;
  bind6(host: string, port: number, flags: number): number;
  getsockname(out: { address?: string; port?: number }): number;
}

/** A bound port. */
export interface UdpPort {
  readonly fd: number;
  getsockname(out: { address?: string; port?: number }): number;
  close(): void;
}

/** An IPv6 wildcard leaves IPv4 alone (UV_UDP_IPV6ONLY). */
const IPV6_ONLY = 1;

/** Binds a port; a number when the system refuses. */
export function bindUdpHandle(host: string, port: number, family: 4 | 6): UdpPort | number {
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  const handle = handleOf(socket);
  const status = family === 6 ? handle.bind6(host, port, IPV6_ONLY) : handle.bind(host, port, 0);
  if (status !== 0) {
    socket.close();
    return status;
  }
  return {
    fd: handle.fd,
    getsockname: (out) => handle.getsockname(out),
    close: () => void socket.close(),
  };
}

/** Node keeps the handle of a socket under a symbol of its own. */
function handleOf(socket: Socket): UdpHandle {
  const key = Object.getOwnPropertySymbols(socket).find(({ description }) => description === "state symbol");
  const state =
    key === undefined ? undefined : (socket as unknown as Record<symbol, { handle?: UdpHandle }>)[key];
  if (state?.handle === undefined) throw new Error("this Node.js shows no handle of a UDP socket");
  return state.handle;
}
