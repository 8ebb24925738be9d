/**
 * A peer's server process in the foreground of a process group of its own, so that the end of it takes its children along.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { eventually } from "../test/harness/eventually.ts";
import type { Scope } from "../test/harness/host.ts";

/** A TCP port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((done) => server.close(() => done()));
  return port;
}

/** Starts a command; resolves with its process id when the port answers. It is ended with the scope. */
export async function startServer(scope: Scope, command: readonly string[], port: number): Promise<number> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
  let said = "";
  child.stderr.on("data", (chunk) => (said += chunk));
  const ended = once(child, "exit");
  scope.after(async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), 5000);
    await ended;
    clearTimeout(timer);
    child.stderr.destroy();
  });
  await eventually(() => answers(port), {
    within: 15_000,
    what: `${program} on port ${port}; it said ${said}`,
  });
  return child.pid!;
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.setTimeout(1000, () => socket.destroy());
    socket.once("data", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
    socket.once("close", () => done(false));
  });
}
