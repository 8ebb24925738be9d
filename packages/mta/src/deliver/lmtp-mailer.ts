/**
 * The local mailer `lmtp` (FEATURE local_lmtp): mailboxes are written by a server that speaks LMTP (RFC 2033), a program on
 * its standard input and output, or one that listens at a port or a socket.
 *
 * All mailboxes of a message go in one transaction, and each has its own answer to it. The server is told the mailbox's name,
 * as Sendmail tells it.
 */
import type { ChildProcess } from "node:child_process";
import { statSync } from "node:fs";
import { Duplex } from "node:stream";
import type { Clock } from "@mailhost/common/clock";
import { spawnApart } from "@mailhost/common/daemon/closed-descriptors";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import type { QueueRecipient } from "../queue/queue-entry.ts";
import { commandWords } from "./command-words.ts";
import type { Attempt, Mailer } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import { programEnvironment } from "./program-environment.ts";
import { SmtpChannel } from "./smtp-channel.ts";
import { openLmtpConnection, type SmtpConnection, type SmtpPeer } from "./smtp-connection.ts";
import { runTransaction } from "./smtp-dialogue.ts";
import { SmtpFault } from "./smtp-fault.ts";
import { type SmtpTimeouts, smtpTimeouts } from "./smtp-timeouts.ts";
import type { WorkSlots } from "./work-slots.ts";

/** What the mailer works with. */
export interface LmtpMailerParts {
  readonly settings: Pick<Settings, "local" | "hostname" | "timeouts" | "relay">;
  readonly slots: WorkSlots;
  readonly clock: Clock;
  readonly log: Log;
}

/** Where the server is. */
export type LmtpServer =
  | { readonly kind: "program"; readonly argv: readonly [string, ...string[]] }
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "port"; readonly host: string; readonly port: number };

const MAILER = "local";
/** How long a program is given to end by itself, and then at SIGTERM (ms). */
const GRACE = 5000;

/** Makes the mailer. */
export function createLmtpMailer(parts: LmtpMailerParts): Mailer {
  return {
    name: MAILER,
    deliver: (attempt) => deliver(attempt, parts),
    close: () => Promise.resolve(),
  };
}

/**
 * Reads local.lmtpCommand: `/path arguments`, the path of a socket, `host:port`, `[address]:port`.
 *
 * @param isSocket whether a path leads to a socket
 * @returns undefined when it is none of them
 */
export function readLmtpServer(text: string, isSocket: (path: string) => boolean): LmtpServer | undefined {
  const [first, ...more] = commandWords(text, {});
  if (first === undefined) return undefined;
  if (first.startsWith("/")) {
    return more.length === 0 && isSocket(first)
      ? { kind: "socket", path: first }
      : { kind: "program", argv: [first, ...more] };
  }
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(first);
  const port = Number(match?.[3] ?? 0);
  if (match === null || more.length > 0 || port === 0 || port > 65_535) return undefined;
  return { kind: "port", host: match[1] ?? match[2]!, port };
}

async function deliver(attempt: Attempt, parts: LmtpMailerParts): Promise<Outcome[]> {
  const server = readLmtpServer(parts.settings.local.lmtpCommand, isSocket);
  if (server === undefined) {
    const text = `local.lmtpCommand ${parts.settings.local.lmtpCommand} is no program, socket or host:port`;
    return attempt.recipients.map(() => deferred({ code: 451, enhanced: "4.3.5", text }));
  }
  // Two recipients that end in one mailbox get one copy.
  const boxes = new Map<string, QueueRecipient>();
  for (const recipient of attempt.recipients) {
    const name = boxOf(recipient);
    if (!boxes.has(name)) boxes.set(name, { ...recipient, address: name });
  }
  const outcomes = await parts.slots.run("lmtp", () => deliverGroups(attempt, boxes, server, parts));
  return attempt.recipients.map((recipient) => outcomes.get(boxOf(recipient))!);
}

function boxOf({ target, address }: QueueRecipient): string {
  return target.kind === "mailbox" ? target.name : address;
}

/** One transaction for each envelope sender: a list's owner stands in its place. */
async function deliverGroups(
  attempt: Attempt,
  boxes: ReadonlyMap<string, QueueRecipient>,
  server: LmtpServer,
  parts: LmtpMailerParts,
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const senders = new Set([...boxes.values()].map((box) => box.sender ?? attempt.entry.sender));
  for (const sender of senders) {
    const recipients = [...boxes.values()].filter((box) => (box.sender ?? attempt.entry.sender) === sender);
    const found = await deliverGroup(
      { ...attempt, entry: { ...attempt.entry, sender }, recipients },
      server,
      parts,
    );
    for (const box of recipients) outcomes.set(boxOf(box), found(box));
    for (const [place, recipient] of attempt.recipients.entries()) {
      const outcome = outcomes.get(boxOf(recipient));
      if (outcome !== undefined) attempt.known?.(place, outcome);
    }
  }
  return outcomes;
}

/** One connection for one transaction, or several where the server wants it. */
async function deliverGroup(
  attempt: Attempt,
  server: LmtpServer,
  parts: LmtpMailerParts,
): Promise<(box: QueueRecipient) => Outcome> {
  const outcomes = new Map<QueueRecipient, Outcome>();
  let reply: SmtpReply = { code: 451, enhanced: "4.3.0", text: "the LMTP server gave no answer" };
  try {
    const connection = await connect(server, parts);
    for (let left = attempt.recipients; left.length > 0; ) {
      const result = await runTransaction(connection, { ...attempt, recipients: left });
      for (const [box, outcome] of result.outcomes) outcomes.set(box, outcome);
      const still = left.filter((box) => !outcomes.has(box));
      if (result.fault !== undefined) reply = result.fault.reply;
      if (result.fault !== undefined || still.length === left.length) break;
      left = still;
    }
    await connection.quit();
  } catch (error) {
    // What the server said before it counts, whatever went wrong then: nobody gets a second copy for it.
    if (error instanceof SmtpFault) reply = error.reply;
    else parts.log.write("error", `${attempt.entry.id}: SYSERR(lmtp): ${messageOf(error)}`);
  }
  // A server that refuses us altogether is a mistake of ours: nobody's mail comes back for it.
  const temporary = reply.code >= 500 ? { ...reply, code: 451, enhanced: "4.3.0" } : reply;
  return (box) => local(outcomes.get(box) ?? deferred(temporary));
}

/** The server is part of this host: its words are not another host's. */
function local(outcome: Outcome): Outcome {
  if (outcome.kind === "delivered") return { ...outcome, relay: MAILER, dsnRelayed: false };
  const { remoteMta: _, ...ours } = outcome;
  return { ...ours, relay: MAILER };
}

async function connect(server: LmtpServer, parts: LmtpMailerParts): Promise<SmtpConnection> {
  const { settings, clock } = parts;
  const timeouts = smtpTimeouts(settings);
  const peer = peerOf(server);
  const channel = await open(server, peer, timeouts, clock);
  return openLmtpConnection(peer, channel, { hostname: settings.hostname, timeouts });
}

function peerOf(server: LmtpServer): SmtpPeer {
  switch (server.kind) {
    case "program":
      return { name: server.argv[0], address: "", port: 0 };
    case "socket":
      return { name: server.path, address: "", port: 0 };
    case "port":
      return { name: server.host, address: server.host, port: server.port };
  }
}

function open(
  server: LmtpServer,
  peer: SmtpPeer,
  { connect: timeout }: SmtpTimeouts,
  clock: Clock,
): Promise<SmtpChannel> {
  const common = { host: peer.name, timeout, clock };
  switch (server.kind) {
    case "program":
      return Promise.resolve(SmtpChannel.over(pipesOf(server.argv, clock), common));
    case "socket":
      return SmtpChannel.open({ ...common, address: "", port: 0, path: server.path });
    case "port":
      return SmtpChannel.open({ ...common, address: server.host, port: server.port });
  }
}

/** Starts the program; its two pipes are one stream, and it ends with the stream. */
function pipesOf(argv: readonly [string, ...string[]], clock: Clock): Duplex {
  const [program] = argv;
  const child = spawnApart(argv, ["pipe", "pipe", "ignore"], {
    cwd: "/",
    env: programEnvironment(undefined, {}),
  });
  const pipes = Duplex.from({ readable: child.stdout!, writable: child.stdin! });
  child.once("error", (error) =>
    pipes.destroy(new Error(`${program} cannot be started: ${messageOf(error)}`)),
  );
  pipes.once("close", () => end(child, clock));
  return pipes;
}

/** Its input has ended, and a program ends by itself then; one that does not is ended, with what it has started. */
function end(child: ChildProcess, clock: Clock): void {
  const { pid } = child;
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const timers = (["SIGTERM", "SIGKILL"] as const).map((signal, i) =>
    clock.after((i + 1) * GRACE, () => {
      try {
        process.kill(-pid, signal);
      } catch {
        // It has become somebody else's group, or is going.
        child.kill(signal);
      }
    }),
  );
  child.once("exit", () => {
    for (const timer of timers) timer.cancel();
  });
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

function deferred(reply: SmtpReply): Outcome {
  return { kind: "deferred", relay: MAILER, reply };
}
