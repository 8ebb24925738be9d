/**
 * The two hosts as {@link Side}s: the real Sendmail, and mailhost started from the built commands on a root of its own.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { Connection, type Endpoint } from "../harness/connection.ts";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, prepareSite, type Scope, startOn } from "../harness/host.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import type { Sink } from "../harness/sink.ts";
import type { SiteCases } from "./cases.ts";
import { type Delivery, fromMbox, fromSink } from "./observed.ts";
import { configMc, type McVariant, type RealSendmail } from "./real-sendmail.ts";
import { type Side, soon } from "./run-cases.ts";

type Found = { readonly text: string; readonly delivery: Delivery };

/** Starts the real one on a site's tables. */
export async function startReal(real: RealSendmail, site: SiteCases, sinks: readonly Sink[]): Promise<Side> {
  real.clear();
  for (const [name, text] of Object.entries(site.files)) real.write(name, text);
  await real.build(site.features);
  await real.makeMaps();
  await real.start();
  return {
    smtp: real.smtp,
    smtp6: real.smtp6,
    command: ([name, ...args], input) => real.run(name!, args, input),
    log: () => real.log(),
    // It delivers while the client waits; only what it answers with 4xx stays.
    logIsWritten: () => real.logIsWritten(),
    settled: () => real.logIsWritten(),
    delivered: () => [...inMailboxes("/var/mail"), ...inSinks(sinks), ...inFiles(site.written ?? [])],
  };
}

/** What the .mc of a host in this little world says beyond Sendmail's words. */
const OURS: McVariant = {
  port: "2525",
  lines: [
    "MAILHOST_SETTING(`pop3.listen', `127.0.0.1:0')",
    "MAILHOST_SETTING(`pop3.pop3s', `[]')",
    "MAILHOST_SETTING(`dns.servers', `127.0.0.1:53')",
    "MAILHOST_SETTING(`smtp.maxConnectionsPerClient', `1000')",
    "MAILHOST_SETTING(`queue.interval', `20m')",
    // The real one has no certificate.
    "MAILHOST_SETTING(`tls.selfSigned', `false')",
  ],
};

const SMTP: Endpoint = { host: "192.0.2.1", port: 2525 };

/** Starts mailhost on the same: the same .mc, built by mailhost, and the same tables. */
export async function startOurs(
  scope: Scope,
  site: SiteCases,
  sinks: readonly Sink[],
): Promise<Side & { stop(): Promise<unknown> }> {
  const prepared = await prepareSite(scope, {
    files: {
      "etc/passwd": readFileSync("/etc/passwd", "utf8"),
      "etc/mail/access": undefined,
      "etc/mail/aliases": undefined,
      "etc/mail/local-host-names": undefined,
      "etc/mail/mailhost.yaml": undefined,
      "etc/mail/config.mc": configMc(site.features, OURS),
      ...site.files,
    },
  });
  const built = await prepared.mailhost(["build", prepared.path("etc/mail/config.mc")]);
  if (built.code !== 0) throw new Error(`mailhost build: ${built.stderr}`);
  prepared.write("etc/mail/sendmail.cf", built.stdout);
  const host = await startOn(scope, prepared);
  return {
    smtp: SMTP,
    smtp6: { host: "2001:db8::25", port: 2525 },
    command: ([name, ...args], input) => host.command(name as "sendmail", args, input),
    log: () => host.log(),
    logIsWritten: marker(host),
    settled: () => untilQuiet(host),
    delivered: () => [
      // The .mc says procmail, which writes where the system has its mailboxes.
      ...inMailboxes("/var/mail"),
      ...inMailboxes(host.path("var/spool/mail")),
      ...inSinks(sinks),
      ...inFiles(site.written ?? []),
    ],
    stop: () => host.stop(),
  };
}

/** Has a line written to the log and waits for it: ETRN leaves one. */
function marker(host: MailHost): () => Promise<void> {
  let marks = 0;
  return async () => {
    marks += 1;
    // A queue group that there is not: it is logged, and no queue is run.
    const mark = `#mark-${marks}`;
    const connection = await Connection.open(SMTP, { from: "127.0.0.1" });
    await connection.readLine();
    await connection.write(`ETRN ${mark}\r\n`);
    await connection.readLine();
    connection.close();
    await soon(() => host.log().includes(`ETRN ${mark}\n`), `${mark} in the log`);
  };
}

/** Waits until every message was tried: nothing in the queue, or only what waits for its next time. */
async function untilQuiet(host: MailHost): Promise<void> {
  let before = "";
  await eventually(
    async () => {
      const { stdout } = await host.command("mailq", []);
      const now = `${stdout}${host.log().length}`;
      const same = now === before;
      before = now;
      return same && !/^\w{14}\*/m.test(stdout);
    },
    { within: 30_000, what: `an idle queue` },
  );
}

function inMailboxes(folder: string): Found[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.startsWith("."))
    .flatMap(({ name }) =>
      readMbox(`${folder}/${name}`).map((entry) => ({
        text: entry.message.toString("latin1"),
        delivery: fromMbox(`mailbox ${name}`, entry),
      })),
    );
}

function inSinks(sinks: readonly Sink[]): Found[] {
  return sinks.flatMap((sink) =>
    sink.messages.map((taken) => ({
      text: taken.message.toString("latin1"),
      delivery: fromSink(sink.host, taken),
    })),
  );
}

function inFiles(files: readonly string[]): Found[] {
  return files.flatMap((file) =>
    readMbox(file).map((entry) => ({
      text: entry.message.toString("latin1"),
      delivery: fromMbox(file, entry),
    })),
  );
}

/** Takes away what the first of the two left, before the second begins. */
export function clearWritten(site: SiteCases): void {
  for (const file of site.written ?? []) rmSync(file, { force: true });
}
