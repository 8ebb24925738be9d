/**
 * The library that mailhost's SMTP sessions are built on, alone: it takes mail and forgets it. What it gives is the ceiling of anything
 * that uses it as it is. It pauses 100 ms before each greeting, so only many messages a connection show what it can do.
 */
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { freePort, startServer } from "./background.ts";
import type { SmtpPeer } from "./peer.ts";

const require = createRequire(new URL("../packages/mta/package.json", import.meta.url));

const PROGRAM = `
const { SMTPServer } = require(process.argv[1]);
new SMTPServer({
  disabledCommands: ["AUTH", "STARTTLS"],
  authOptional: true,
  disableReverseLookup: true,
  size: 100 * 1024 ** 2,
  maxClients: 1000,
  logger: false,
  onData(stream, session, done) {
    stream.on("data", () => {});
    stream.on("end", () => done(null, "taken"));
  },
}).listen(Number(process.argv[2]), "127.0.0.1", 1024);
`;

function find(): { path: string; version: string } | undefined {
  try {
    const { version } = require("smtp-server/package.json") as { version: string };
    return { path: require.resolve("smtp-server"), version };
  } catch {
    return undefined;
  }
}

const found = find();

/** smtp-server as a peer. */
export const bareSmtpServer: SmtpPeer = {
  name: "smtp-server",
  version: found?.version ?? "",
  ...(found === undefined ? { missing: "smtp-server is no dependency of this checkout" } : {}),
  acceptsOnly: true,
  async start(scope, prefix = []) {
    const port = await freePort();
    const command = [process.execPath, "-e", PROGRAM, found!.path, String(port)];
    await startServer(scope, [...prefix, ...command], port);
    return { port, mailboxes: fileURLToPath(new URL(".", import.meta.url)) };
  },
};
