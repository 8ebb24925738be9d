/**
 * `sendmail -bs`: SMTP on standard input and output, by the daemon's own session code; the client is this host.
 *
 * A session works on a socket, so one end of a loopback connection is given to it and the other is tied to the two
 * streams; nobody else's connection is taken. Whoever may not write the queue gets a store that leaves each message in
 * the drop folder.
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Accounts, openAccounts } from "@mailhost/common/accounts/accounts";
import { systemClock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { becomeQueueOwner } from "@mailhost/common/daemon/identity";
import { NO_LOG, openCommandLog } from "@mailhost/common/log/command-log";
import type { Log } from "@mailhost/common/log/log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_OK } from "@mailhost/common/sysexits";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { NO_CERTIFICATES } from "@mailhost/common/tls/served-certificates";
import { createResolver } from "../dns/system-resolver.ts";
import { openClientNames } from "../inbound/client-names.ts";
import { openConnectionLimits } from "../inbound/connection-limits.ts";
import type { InboundParts } from "../inbound/inbound-parts.ts";
import { SmtpListener } from "../inbound/smtp-listener.ts";
import type { SmtpSession } from "../inbound/smtp-session.ts";
import { interfaceAddresses } from "../policy/local-domains.ts";
import { openQueue } from "../queue/open-queue.ts";
import { openListFiles } from "../recipients/list-files.ts";
import { dropStore } from "../submit/drop-store.ts";
import type { LocalUser } from "../submit/local-user.ts";
import { mayWriteQueue } from "./sendmail-submit.ts";

/** What the session is tied to; tests pass their own. */
export interface StdioStreams {
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
}

/** Serves one session. @returns the exit code */
export async function smtpOnStdio(
  site: Site,
  user: LocalUser,
  streams: StdioStreams = process,
): Promise<number> {
  const settings = loadSettings(site);
  const direct = mayWriteQueue(site);
  if (direct) becomeQueueOwner(site);
  const log = logOf(site, settings);
  const tables = openSiteTables(site, { log, settings });
  let session: SmtpSession | undefined;
  const queue = direct ? (await openQueue(site, { clock: systemClock, log })).store : undefined;
  const store = queue ?? dropStore(site, () => session?.transaction, `${user.name} owned process doing -bs`);
  const resolver = createResolver(settings.dns, systemClock);
  const accounts = accountsOf(site, settings, direct);
  const inbound: InboundParts = {
    settings: () => settings,
    tables,
    accounts: () => accounts,
    drac: () => undefined,
    store,
    submitted: () => undefined,
    names: openClientNames(() => resolver, systemClock),
    resolver: () => resolver,
    limits: openConnectionLimits(() => ({ total: 1, perClient: 1 }), Date.now),
    ownAddresses: interfaceAddresses,
    gateways: new Set(),
    lists: openListFiles({ clock: systemClock }),
    log,
    clock: systemClock,
  };
  try {
    const listener = new SmtpListener("smtp", inbound, NO_CERTIFICATES);
    const serve = (socket: Socket) => {
      listener.connect(socket);
      for (const connection of listener.connections) session = connection as SmtpSession;
    };
    // What is still to come of a message comes no more when input has ended.
    await tied(
      streams,
      serve,
      () => session?.takingMessage === true && session._parser !== false && session._parser._dataMode,
    );
  } finally {
    await queue?.close();
    await tables.close();
    await log.close();
  }
  await sendControl(site, "wake").catch(() => undefined);
  return EX_OK;
}

/** A message whose end does not come within this time after the end of input never will (ms). */
const LOST_INPUT = 2000;

/** Gives `serve` a connection of ours and carries octets between it and the streams until both ends are done. */
async function tied(
  { stdin, stdout }: StdioStreams,
  serve: (socket: Socket) => void,
  isReceiving: () => boolean,
): Promise<void> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const ours = connect(port, "127.0.0.1");
  const waiting: Socket[] = [];
  server.on("connection", (socket) => {
    if (ours.localPort === undefined) waiting.push(socket);
    else take(socket);
  });
  const take = (socket: Socket) => {
    if (socket.remotePort === ours.localPort && socket.remoteAddress === "127.0.0.1") serve(socket);
    else socket.destroy();
  };
  await once(ours, "connect");
  for (const socket of waiting.splice(0)) take(socket);
  server.close();
  // A client that closes its end still wants the answers to what it said; QUIT ends the session after them.
  stdin.pipe(ours as Duplex, { end: false });
  stdin.once("end", () => {
    ours.write("QUIT\r\n");
    const look = setInterval(() => {
      if (isReceiving()) ours.destroy();
    }, LOST_INPUT);
    ours.once("close", () => clearInterval(look));
  });
  ours.pipe(stdout, { end: false });
  await once(ours, "close");
  stdin.unpipe(ours);
  (stdin as Partial<Socket>).destroy?.();
}

/** Users may not read etc/mail/users: the daemon finds out who is there. */
function accountsOf(site: Site, settings: Settings, direct: boolean): Accounts {
  if (direct) return openAccounts(site, settings);
  return {
    find: (name) => ({ name: name.toLowerCase(), source: "file" }),
    lookUp: (name) => Promise.resolve({ name: name.toLowerCase(), source: "file" }),
    verify: () => Promise.resolve(undefined),
    names: () => [],
    hasDomain: () => false,
  };
}

function logOf(site: Site, { log }: Settings): Log {
  try {
    return openCommandLog({ file: site.logFile, tag: "sendmail", format: log.format, level: log.level });
  } catch {
    return NO_LOG;
  }
}
