/**
 * The child's side of the launcher's contract: what both daemons do alike.
 *
 * A daemon is started by `mailhost start` alone, with its ports already bound and passed as descriptors. It says when
 * it is ready, takes new settings, and ends when it is told to, when it gets SIGTERM, or when the launcher is gone:
 * it then accepts nothing more and lets its sessions finish, for a bounded time. A fault that nobody caught ends the
 * process after it was logged; the launcher starts another one.
 */
import { setFlagsFromString } from "node:v8";
import { type Clock, delay, systemClock } from "../clock.ts";
import { messageOf, UserError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { placeMailboxes } from "../mbox/mailbox-layout.ts";
import { releaseLocksOfTheDead } from "../mbox/recover.ts";
import type { Settings } from "../settings/settings.ts";
import { type Site, siteAt } from "../site.ts";
import { EX_OK, EX_SOFTWARE, EX_USAGE } from "../sysexits.ts";
import type { Certificate } from "../tls/certificate.ts";
import type {
  ChildMessage,
  LauncherMessage,
  SubmissionOrder,
  SubmissionResult,
} from "./launcher-messages.ts";
import { openReopeningLog, type ReopeningLog } from "./reopening-log.ts";
import { ORPHAN_LIMIT, STOP_LIMIT } from "./stop-times.ts";

/** What a daemon is given to work with. */
export interface DaemonParts {
  readonly site: Site;
  readonly settings: Settings;
  /** Inherited descriptors by kind (`smtp`, `submission`, `smtps`, `pop3`, `pop3s`), for `net.Server.listen({ fd })`. */
  readonly listeners: Readonly<Record<string, readonly number[]>>;
  /** The certificates in force, the one for whoever asks for no name first; none: there is no TLS. */
  readonly certificates: readonly Certificate[];
  readonly log: Log;
  readonly clock: Clock;
}

/** A running daemon. */
export interface Daemon {
  /** Takes new settings, already checked; throws when it cannot, and goes on with the old ones. */
  reload?(settings: Settings): Promise<void>;
  /** Takes other certificates for the handshakes to come. */
  takeCertificates?(certificates: readonly Certificate[]): void;
  /** Something was put into the queue by another process. */
  wake?(): void;
  /** Attempt everything in the queue now, or what a selection is for. */
  runQueue?(selection?: unknown): void;
  /** Ids of the messages that are being delivered. All that was accepted before is where other processes see it. */
  underWay?(): Promise<string[]>;
  /** Takes a message from the drop folder; undefined when it could not be dealt with. */
  submission?(order: SubmissionOrder): Promise<SubmissionResult | undefined>;
  /**
   * Accepts nothing more and resolves when all sessions have finished.
   *
   * @param within when the process ends, whatever is not finished by then (ms); sessions have {@link sessionsWithin} of it
   */
  stop(within: number): Promise<void>;
}

/** Starts a daemon; resolves when it accepts on every listener, throws when it cannot. */
export type StartDaemon = (parts: DaemonParts) => Promise<Daemon>;

/**
 * Runs one daemon as a child process of the launcher. Resolves when it has ended; the process then exits.
 *
 * @param name the process is called `mailhost: NAME` in ps
 * @param tag program name of its log lines: `sendmail`, `popper`
 */
export async function runDaemon(name: "mta" | "pop3", tag: string, start: StartDaemon): Promise<void> {
  if (process.send === undefined) {
    process.stderr.write(`mailhost: ${name} is started by \`mailhost start\`, not by hand\n`);
    process.exitCode = EX_USAGE;
    return;
  }
  process.title = `mailhost: ${name}`;
  // The size of the young generation was for this thread, which has it: the flag would go before what other threads are started with.
  setFlagsFromString("--max-semi-space-size=0");
  // The launcher decides what a terminal's Ctrl-C and hang-up mean.
  process.on("SIGINT", () => undefined);
  process.on("SIGHUP", () => undefined);
  // A file size limit is a write that fails with EFBIG, answered like a full disk; it must not end the process.
  process.on("SIGXFSZ", () => undefined);
  const inbox = openInbox();
  const first = await inbox.next();
  if (first?.type !== "start") {
    // The launcher went away, or changed its mind, before it had said anything.
    process.exit(EX_OK);
  }
  const site = placeMailboxes(siteAt(first.root), first.settings);
  const log = openReopeningLog(site, tag, first.settings);
  endOnStrayFaults(name, log);
  let daemon: Daemon;
  try {
    // The one before us may have been killed at work: its mailboxes are free at once.
    await releaseLocksOfTheDead(site, { clock: systemClock, log });
    daemon = await start({
      site,
      settings: first.settings,
      listeners: first.listeners,
      certificates: first.certificates,
      log,
      clock: systemClock,
    });
  } catch (error) {
    await reportFailure(name, log, error);
    return;
  }
  await send({ type: "ready" });
  const limit = await serve(name, daemon, inbox, log);
  const finished = daemon.stop(limit).then(
    () => EX_OK,
    (error: unknown) => {
      log.write("error", `${name}: stopping: ${messageOf(error)}`);
      return EX_SOFTWARE;
    },
  );
  const code = await Promise.race([finished, delay(systemClock, limit).then(() => EX_OK)]);
  await log.close();
  process.exit(code);
}

/** Hands messages to the daemon until it has to end; returns how long its sessions may then take (ms). */
async function serve(name: string, daemon: Daemon, inbox: Inbox, log: ReopeningLog): Promise<number> {
  for (;;) {
    const message = await inbox.next();
    if (message === undefined) return inbox.orphaned() ? ORPHAN_LIMIT : STOP_LIMIT;
    try {
      if (message.type === "stop") return STOP_LIMIT;
      if (message.type === "wake") daemon.wake?.();
      if (message.type === "certificates") daemon.takeCertificates?.(message.certificates);
      if (message.type === "run-queue") daemon.runQueue?.(message.selection);
      if (message.type === "under-way")
        await send({ type: "under-way", ids: (await daemon.underWay?.()) ?? [] });
      if (message.type === "submission") void answerSubmission(name, daemon, message, log);
      if (message.type === "reload") {
        log.reopen(message.settings);
        await daemon.reload?.(message.settings);
        log.write("info", `${name}: settings reloaded`);
      }
    } catch (error) {
      log.write("error", `${name}: ${message.type} failed: ${messageOf(error)}`);
    }
  }
}

/** The command that waits is answered whatever comes, and other messages do not wait for it. */
async function answerSubmission(
  name: string,
  daemon: Daemon,
  order: Extract<LauncherMessage, { type: "submission" }>,
  log: ReopeningLog,
): Promise<void> {
  let result: SubmissionResult | undefined;
  try {
    result = await daemon.submission?.(order);
  } catch (error) {
    log.write("error", `${name}: ${order.drop}: ${messageOf(error)}`);
  }
  await send({ type: "submission", number: order.number, ...(result === undefined ? {} : { result }) });
}

/** The launcher's messages in their order. */
interface Inbox {
  /** The next message; undefined once the launcher is gone or SIGTERM came. */
  next(): Promise<LauncherMessage | undefined>;
  /** True when the launcher is gone. */
  orphaned(): boolean;
}

function openInbox(): Inbox {
  const waiting: LauncherMessage[] = [];
  let ended = false;
  let orphaned = false;
  let wakeReader: () => void = () => undefined;
  const end = () => {
    ended = true;
    wakeReader();
  };
  process.on("message", (message) => {
    waiting.push(message as LauncherMessage);
    wakeReader();
  });
  process.once("disconnect", () => {
    orphaned = true;
    end();
  });
  process.on("SIGTERM", end);
  return {
    orphaned: () => orphaned,
    async next() {
      for (;;) {
        if (ended) return undefined;
        const message = waiting.shift();
        if (message !== undefined) return message;
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
    },
  };
}

/** Resolves when the message is on its way. */
function send(message: ChildMessage): Promise<void> {
  return new Promise((done) => {
    // A launcher that is gone is noticed by `disconnect`; what could not be said to it does not matter.
    if (process.connected) process.send?.(message, undefined, undefined, () => done());
    else done();
  });
}

async function reportFailure(name: string, log: Log, error: unknown): Promise<void> {
  const exitCode = error instanceof UserError ? error.exitCode : EX_SOFTWARE;
  const message = error instanceof UserError ? error.message : stackOf(error);
  log.write("error", `${name}: cannot start: ${message}`);
  await send({ type: "failed", message, exitCode });
  await log.close();
  process.exit(exitCode);
}

/** A fault that nobody caught is logged with its place; a process in an unknown state does not go on. */
function endOnStrayFaults(name: string, log: Log): void {
  let ending = false;
  const end = (error: unknown) => {
    if (ending) return;
    ending = true;
    log.write("error", `${name}: internal fault, ending: ${stackOf(error)}`);
    // A log that cannot be written must not keep the process.
    const closed = Promise.race([log.close(), delay(systemClock, 1000)]);
    closed.then(
      () => process.exit(EX_SOFTWARE),
      () => process.exit(EX_SOFTWARE),
    );
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
