/**
 * The `popper` command in its modes: on a port of its own, and behind an inetd of this process.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { cleanUpLater, type Scope } from "./clean-ups.ts";
import type { Endpoint } from "./connection.ts";
import { eventually } from "./eventually.ts";

/** The command as installed. */
export const POPPER = fileURLToPath(new URL("../../packages/pop3/bin/popper.js", import.meta.url));

/** A running popper. */
export interface Popper {
  readonly child: ChildProcess;
  readonly pop3: Endpoint;
  /** What it printed. */
  output(): string;
  /** SIGTERM and its exit code. */
  stop(): Promise<number | null>;
}

/** Starts `popper ARGS` and waits for its ready line. */
export async function startPopper(t: Scope, root: string, args: readonly string[]): Promise<Popper> {
  const child = spawn(process.execPath, [POPPER, ...args, "--root", root], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    const [code] = (await exited) as [number | null];
    return code;
  };
  cleanUpLater(t, stop);
  const port = await eventually(() => /^popper ready pop3s?=.*:(\d+)$/m.exec(output)?.[1], {
    within: 60_000,
    what: "popper's ready line",
  }).catch((error: unknown) => {
    throw new Error(`popper printed\n${output}`, { cause: error });
  });
  return { child, pop3: { host: "127.0.0.1", port: Number(port) }, output: () => output, stop };
}

/** An inetd: each connection becomes descriptor 0 and 1 of a `popper ARGS` of its own. */
export interface Inetd {
  readonly pop3: Endpoint;
  /** Exit codes of the poppers that have ended. */
  readonly codes: (number | null)[];
}

/** Starts one; it ends with the test, and the poppers with it. */
export async function startInetd(t: Scope, root: string, args: readonly string[]): Promise<Inetd> {
  const codes: (number | null)[] = [];
  const children = new Set<ChildProcess>();
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    const child = spawn(process.execPath, [POPPER, ...args, "--root", root], {
      stdio: [socket, socket, "inherit"],
    });
    children.add(child);
    child.once("spawn", () => socket.destroy());
    child.once("exit", (code) => {
      children.delete(child);
      codes.push(code);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUpLater(t, async () => {
    server.close();
    for (const child of children) child.kill("SIGKILL");
  });
  return { pop3: { host: "127.0.0.1", port: (server.address() as AddressInfo).port }, codes };
}
