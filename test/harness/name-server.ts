/**
 * dnsmasq on a free port of loopback, answering from what its command line says and from nothing else.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { findProgram } from "./programs.ts";
import { reservedPort } from "./reserved-port.ts";

/** How often another port is tried: one that was free may be somebody else's a moment later. */
const ATTEMPTS = 10;

/**
 * Starts it and waits until it answers; it is ended with the test.
 *
 * @param records options like `--mx-host=…`; a name they do not hold does not exist
 * @returns the port, for UDP and TCP, on 127.0.0.1
 * @throws when it does not come up, with what it wrote
 */
export async function startNameServer(t: TestContext, records: readonly string[]): Promise<number> {
  let wrote = "";
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = await reservedPort();
    const child = spawn(
      findProgram("dnsmasq") ?? "dnsmasq",
      [
        "--keep-in-foreground",
        "--log-facility=-",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--no-resolv",
        "--no-hosts",
        "--local=/#/",
        `--port=${port}`,
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--txt-record=ready.test,yes",
        ...records,
      ],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    child.stderr.on("data", (chunk) => (wrote += chunk));
    if (await comesUp(child, port)) {
      t.after(() => end(child));
      return port;
    }
    await end(child);
  }
  throw new Error(`dnsmasq did not come up:\n${wrote}`);
}

/** False when it has ended; throws when it neither ends nor answers within 30 s. */
async function comesUp(child: ChildProcess, port: number): Promise<boolean> {
  for (const until = Date.now() + 30_000; Date.now() < until; await pause(20)) {
    if (child.exitCode !== null || child.signalCode !== null) return false;
    const resolver = new Resolver({ timeout: 500, tries: 1 });
    resolver.setServers([`127.0.0.1:${port}`]);
    try {
      if ((await resolver.resolveTxt("ready.test"))[0]?.[0] === "yes") return true;
    } catch {
      // Not there yet.
    }
  }
  await end(child);
  throw new Error(`dnsmasq on port ${port} does not answer`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
