/**
 * A server for idle-sessions.test.ts, in a process of its own, so that its memory is its own: prints its port, and for each
 * line on its input its resident memory in bytes, once the garbage is collected.
 */

import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { startServer, writeMbox } from "./harness/server.ts";

const count = Number(process.argv[2]);
const cleanUps: (() => unknown)[] = [];
const users = Array.from({ length: count }, (_, i) => `u${i}`);
const server = await startServer(
  { after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) } as unknown as TestContext,
  { users, settings: `pop3: { maxConnections: ${count + 10}, maxConnectionsPerClient: ${count + 10} }\n` },
);
const messages = Array.from({ length: 20 }, (_, i) => `Subject: ${i}\n\n${"text\n".repeat(100)}`);
for (const user of users) writeMbox(server.mbox(user), messages);
process.stdout.write(`${server.port}\n`);
const collect = globalThis.gc!;
for await (const _ of createInterface({ input: process.stdin })) {
  // Promises that are done, and what hung on them, go in the second round.
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise(setImmediate);
  }
  process.stdout.write(`${process.memoryUsage.rss()}\n`);
}
for (const cleanUp of cleanUps.toReversed()) await cleanUp();
