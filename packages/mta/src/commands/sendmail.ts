/**
 * The `sendmail` program: what other programs of a Unix host call to send mail, list the queue or compile aliases.
 */
import { userInfo } from "node:os";
import { systemClock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { becomeQueueOwner } from "@mailhost/common/daemon/identity";
import { messageOf, UserError } from "@mailhost/common/errors";
import { type Log, openLog, silentLog } from "@mailhost/common/log/log";
import { loadSettings } from "@mailhost/common/settings/load";
import { DEFAULT_ROOT, type Site, siteAt } from "@mailhost/common/site";
import { EX_NOUSER, EX_OK, EX_TEMPFAIL, EX_UNAVAILABLE, EX_USAGE } from "@mailhost/common/sysexits";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { formatReply } from "../policy/reply.ts";
import { targetName } from "../queue/queue-entry.ts";
import { run as runMailq } from "./mailq.ts";
import { run as runNewaliases } from "./newaliases.ts";
import { readSendmailFlags, SENDMAIL_USAGE, type SendmailFlags } from "./sendmail-flags.ts";
import { resolveWritten, submitMessage } from "./sendmail-submit.ts";

/** What the program is connected to; tests pass their own. */
export interface SendmailStreams {
  readonly stdin: AsyncIterable<Buffer>;
  readonly stdout: (line: string) => void;
  readonly stderr: (line: string) => void;
}

const PROCESS_STREAMS: SendmailStreams = {
  get stdin() {
    return process.stdin;
  },
  stdout: (line) => void process.stdout.write(`${line}\n`),
  stderr: (line) => void process.stderr.write(`sendmail: ${line}\n`),
};

/** Runs the program. @returns the exit code (sysexits) */
export async function run(
  argv: readonly string[],
  streams: SendmailStreams = PROCESS_STREAMS,
): Promise<number> {
  if (argv[0] === "--help") {
    streams.stdout(SENDMAIL_USAGE);
    return EX_OK;
  }
  const read = readSendmailFlags(argv);
  if (!read.ok) {
    streams.stderr(read.reason);
    streams.stderr(SENDMAIL_USAGE);
    return EX_USAGE;
  }
  const { flags } = read;
  const site = siteAt(flags.root ?? process.env.MAILHOST_ROOT ?? DEFAULT_ROOT);
  try {
    return await runMode(site, flags, streams);
  } catch (error) {
    streams.stderr(messageOf(error));
    // What is not known to be wrong for good may work later: the caller keeps the message and tries again.
    return error instanceof UserError ? error.exitCode : EX_TEMPFAIL;
  }
}

function runMode(site: Site, flags: SendmailFlags, streams: SendmailStreams): Promise<number> {
  const passedOn = ["--root", site.root];
  switch (flags.mode) {
    case "queue-list":
      return runMailq(passedOn);
    case "aliases":
      return runNewaliases(passedOn);
    case "verify":
      return verify(site, flags, streams);
    case "run-queue":
      return runQueue(site, streams);
    case "daemon":
      streams.stderr(
        "the daemon is started with `mailhost start`; queue.interval in mailhost.yaml is what -q20m was",
      );
      return Promise.resolve(EX_USAGE);
    default:
      return deliver(site, flags, streams);
  }
}

async function deliver(site: Site, flags: SendmailFlags, streams: SendmailStreams): Promise<number> {
  const user = userInfo().username;
  // A message that root sends must be readable for the mta, which is root no longer.
  becomeQueueOwner(site);
  const log = logOf(site);
  try {
    return await submitMessage({
      site,
      flags,
      input: streams.stdin,
      user,
      log,
      clock: systemClock,
      complain: streams.stderr,
    });
  } finally {
    await log.close();
  }
}

/** -bv: where mail for an address would go. */
async function verify(site: Site, flags: SendmailFlags, streams: SendmailStreams): Promise<number> {
  const settings = loadSettings(site);
  const tables = openSiteTables(site, { log: silentLog, settings });
  let code = EX_OK;
  try {
    for (const written of flags.recipients) {
      const result = await resolveWritten(written, site, settings, tables);
      if (result.kind === "refused") {
        streams.stdout(`${written}... ${formatReply(result.reply)}`);
        code = EX_NOUSER;
        continue;
      }
      for (const { address, target } of result.recipients) {
        streams.stdout(
          target.kind === "remote"
            ? `${written}... deliverable: mailer esmtp, host ${targetName(target)}., user ${address}`
            : `${written}... deliverable: mailer ${LOCAL_MAILERS[target.kind]}, user ${targetName(target)}`,
        );
      }
    }
  } finally {
    await tables.close();
  }
  return code;
}

const LOCAL_MAILERS = { mailbox: "local", program: "prog", file: "*file*", error: "error" } as const;

/** -q: the daemon attempts everything now. */
async function runQueue(site: Site, streams: SendmailStreams): Promise<number> {
  const answer = await sendControl(site, "run-queue");
  if (answer?.ok === true) return EX_OK;
  streams.stderr(answer?.error ?? "no daemon is running; start it with `mailhost start`");
  return answer === undefined ? EX_UNAVAILABLE : EX_TEMPFAIL;
}

/** The host's log; a user who may not write there can send all the same. */
function logOf(site: Site): Log {
  try {
    const settings = loadSettings(site);
    return openLog({
      file: site.logFile,
      tag: "sendmail",
      format: settings.log.format,
      level: settings.log.level,
    });
  } catch {
    // Whatever is wrong with the settings is reported where they are used.
    return silentLog;
  }
}
