/**
 * The `sendmail` program: what other programs of a Unix host call to send mail, list the queue or compile aliases. Each
 * mode's code is loaded only when it is called for: a program that pipes a message into it waits for no other part.
 */
import { userInfo } from "node:os";
import { systemClock } from "@mailhost/common/clock";
import { messageOf, UserError } from "@mailhost/common/errors";
import { DEFAULT_ROOT, type Site, siteAt } from "@mailhost/common/site";
import { EX_OK, EX_OSFILE, EX_TEMPFAIL, EX_USAGE } from "@mailhost/common/sysexits";
import { localUser } from "../submit/local-user.ts";
import { readRunOptions } from "./run-options.ts";
import { readSendmailFlags, type SendmailFlags, type SendmailMode } from "./sendmail-flags.ts";
import { standardInput } from "./standard-input.ts";

/** What the program is connected to; tests pass their own. */
export interface SendmailStreams {
  readonly stdin: AsyncIterable<Buffer>;
  readonly stdout: (line: string) => void;
  readonly stderr: (line: string) => void;
}

/** How the host is to be started. */
export interface StartOrder {
  readonly how: "background" | "foreground";
  /** queue.interval in place of the settings' (-q20m), ms. */
  readonly interval?: number;
  /** -q20m without -bd: the queue is run, and no port is opened. */
  readonly queueOnly: boolean;
  /** -C. */
  readonly configFile?: string;
}

/** Starts the host (-bd, -bD): the launcher's business, which hands it in. */
export interface HostStarter {
  /** @returns the exit code, when the ports are bound or could not be (background), or at the end (foreground) */
  start(site: Site, order: StartOrder): Promise<number>;
}

/** Surroundings of a run. */
export interface SendmailSetting {
  readonly streams?: SendmailStreams;
  readonly starter?: HostStarter;
  /** The name that the program was called by: `mailq`, `smtpd` … */
  readonly programName?: string;
}

const PROCESS_STREAMS: SendmailStreams = {
  get stdin() {
    return standardInput();
  },
  stdout: (line) => void process.stdout.write(`${line}\n`),
  stderr: (line) => void process.stderr.write(`${line}\n`),
};

/** What the program does when it is called by another name. */
const BY_NAME: Readonly<Record<string, SendmailMode>> = {
  mailq: "queue-list",
  newaliases: "aliases",
  hoststat: "host-status",
  purgestat: "purge-status",
  smtpd: "daemon",
};

/** Runs the program. @returns the exit code (sysexits) */
export async function run(argv: readonly string[], setting: SendmailSetting = {}): Promise<number> {
  const { streams = PROCESS_STREAMS, programName = "sendmail" } = setting;
  if (argv[0] === "--help") {
    const { SENDMAIL_USAGE } = await import("./sendmail-usage.ts");
    streams.stdout(SENDMAIL_USAGE);
    return EX_OK;
  }
  const read = readSendmailFlags(argv, programName);
  if (!read.ok) {
    for (const line of read.reason.split("\n")) streams.stderr(line);
    return EX_USAGE;
  }
  const named = read.flags.modeGiven ? undefined : BY_NAME[programName];
  const flags = named === undefined ? read.flags : { ...read.flags, mode: named };
  try {
    return await runMode(siteOf(flags), flags, { ...setting, streams });
  } catch (error) {
    streams.stderr(messageOf(error));
    // What is not known to be wrong for good may work later: the caller keeps the message and tries again.
    return error instanceof UserError ? error.exitCode : EX_TEMPFAIL;
  }
}

/** The site, with the settings file of -C. */
function siteOf({ root, configFile }: SendmailFlags): Site {
  const site = siteAt(root ?? process.env.MAILHOST_ROOT ?? DEFAULT_ROOT);
  return configFile === undefined ? site : { ...site, settingsFile: configFile };
}

async function runMode(
  site: Site,
  flags: SendmailFlags,
  setting: SendmailSetting & { readonly streams: SendmailStreams },
): Promise<number> {
  const { streams } = setting;
  if (flags.configFile !== undefined) await demandReadable(flags.configFile);
  const options = await readRunOptions(flags.options);
  const { queue, mode } = flags;
  switch (mode) {
    case "queue-list":
      return (await import("./mailq.ts")).printMailq(site, mailqOptions(flags), streams.stdout);
    case "queue-count":
      return (await import("./mailq.ts")).printQueueCount(site, streams.stdout);
    case "aliases":
      return (await import("./newaliases.ts")).run(["--root", site.root]);
    case "verify":
      return (await import("./verify.ts")).verifyAddresses(site, flags, streams);
    case "test":
      return (await import("./test-mode.ts")).testMode(site, streams);
    case "smtp":
      return (await import("./smtp-on-stdio.ts")).smtpOnStdio(site, caller());
    case "host-status":
      return (await import("./host-status.ts")).printHostStatus(site, flags, streams.stdout);
    case "purge-status":
      return (await import("./host-status.ts")).purgeHostStatus(site);
    case "check-configuration":
      return (await import("./check-configuration.ts")).checkConfiguration(site, streams);
    case "daemon":
    case "foreground-daemon":
      return startHost(site, flags, setting);
    default:
  }
  const { interval } = queue;
  if (interval !== undefined) return startHost(site, flags, setting);
  if (queue.once || queue.quarantined || queue.lost || quarantineOnly(flags))
    return (await import("./queue-run.ts")).runQueue(site, flags, streams, setting.starter);
  const { submitMessage } = await import("./sendmail-submit.ts");
  return submitMessage({
    site,
    flags,
    options,
    input: streams.stdin,
    user: caller(),
    clock: systemClock,
    complain: streams.stderr,
  });
}

/** -Q with nobody to send to is about what is in the queue. */
function quarantineOnly(flags: SendmailFlags): boolean {
  return flags.quarantine !== undefined && flags.recipients.length === 0 && !flags.recipientsInHeader;
}

function mailqOptions(flags: SendmailFlags) {
  const { verbose, json, queue } = flags;
  return { verbose, json, queue };
}

function startHost(
  site: Site,
  flags: SendmailFlags,
  { starter, streams }: Parameters<typeof runMode>[2],
): number | Promise<number> {
  if (starter === undefined) {
    streams.stderr("this program cannot start the host; `mailhost start` does");
    return EX_USAGE;
  }
  const { interval } = flags.queue;
  return starter.start(site, {
    how: flags.mode === "foreground-daemon" ? "foreground" : "background",
    queueOnly: flags.mode === "deliver" || process.env.MAILHOST_QUEUE_ONLY === "1",
    ...(interval === undefined ? {} : { interval }),
    ...(flags.configFile === undefined ? {} : { configFile: flags.configFile }),
  });
}

async function demandReadable(file: string): Promise<void> {
  const { accessSync, constants } = await import("node:fs");
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw new UserError(`${file}: line 0: cannot open: No such file or directory`, EX_OSFILE, {
      cause: error,
    });
  }
}

/** Who runs the program: the real user, whatever the environment says. */
function caller() {
  const uid = process.getuid?.() ?? 0;
  const known = localUser(uid);
  if (!known.name.startsWith("uid")) return known;
  try {
    // The system may know users that are not in its file.
    return { name: userInfo().username };
  } catch {
    return known;
  }
}
