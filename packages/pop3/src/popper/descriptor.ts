/**
 * What whoever started us has put on descriptor 0, or passed as systemd does (sd_listen_fds(3)).
 */
import { type BigIntStats, fstatSync, readFileSync, readlinkSync } from "node:fs";
import { Socket } from "node:net";
import { isatty } from "node:tty";

/** What is there. */
export type Given =
  /** A connected socket; nothing was read from it yet. */
  | { readonly kind: "connection"; readonly socket: Socket }
  /** A socket that accepts connections. */
  | { readonly kind: "listener"; readonly fd: number /** Keeps it open. */; readonly held: Socket }
  /** Pipes or files: a session of this host's own on standard input and output. */
  | { readonly kind: "streams" }
  /** A socket whose client has gone already. */
  | { readonly kind: "gone" }
  /** A terminal, /dev/null or nothing: we are to listen ourselves. */
  | { readonly kind: "nothing" };

/** The first descriptor that systemd passes. */
const FIRST_PASSED = 3;
/** TCP_LISTEN in /proc/net/tcp. */
const LISTENING = "0A";

/** Looks. */
export function givenConnection(env: NodeJS.ProcessEnv = process.env): Given {
  if (env.LISTEN_PID === String(process.pid) && Number(env.LISTEN_FDS) >= 1) return socketOn(FIRST_PASSED);
  let at: BigIntStats;
  try {
    // Without bigint the answer stays in a buffer that Node's loader of modules looks into: for a pipe or socket it then
    // resolves no link any more (realpathSync of Node 20).
    at = fstatSync(0, { bigint: true });
  } catch {
    return { kind: "nothing" };
  }
  if (at.isSocket()) return socketOn(0);
  if (isatty(0) || at.isCharacterDevice()) return { kind: "nothing" };
  return { kind: "streams" };
}

function socketOn(fd: number): Given {
  const inode = inodeOf(fd) ?? "";
  // The pipes of many programs are two pairs of sockets, one a direction.
  if (fd === 0 && inodeOf(1) !== inode && isUnix(inode)) return { kind: "streams" };
  // manualStart, which Node has for its own use: nothing is read before somebody listens.
  const options = { fd, readable: true, writable: true, allowHalfOpen: true, manualStart: true };
  const socket = new Socket(options);
  socket.on("error", () => undefined);
  if (socket.remoteAddress !== undefined) return { kind: "connection", socket };
  // Without a peer's address: it accepts, it is a pair of this host's own, or the client has gone.
  const state = inodesOf("tcp").get(inode) ?? inodesOf("tcp6").get(inode);
  if (state === LISTENING) return { kind: "listener", fd, held: socket };
  if (state === undefined && isUnix(inode)) return { kind: "connection", socket };
  socket.destroy();
  return { kind: "gone" };
}

function isUnix(inode: string): boolean {
  return readTable("unix").some((line) => line.trim().split(/\s+/)[6] === inode);
}

/** `socket:[12345]` is 12345. */
function inodeOf(fd: number): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch {
    return undefined;
  }
}

/** The states of this host's sockets by their inodes. */
function inodesOf(table: string): Map<string, string> {
  return new Map(
    readTable(table).map((line) => {
      const fields = line.trim().split(/\s+/);
      return [fields[9] ?? "", fields[3] ?? ""];
    }),
  );
}

function readTable(table: string): string[] {
  try {
    return readFileSync(`/proc/net/${table}`, "latin1").split("\n").slice(1);
  } catch {
    return [];
  }
}
