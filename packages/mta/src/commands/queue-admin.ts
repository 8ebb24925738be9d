/**
 * `mailhost queue`: what an administrator does with the queue. Works with and without a running daemon.
 */
import { systemClock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { messageOf, UserError } from "@mailhost/common/errors";
import { silentLog } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { EX_DATAERR, EX_OK } from "@mailhost/common/sysexits";
import { readOriginal } from "../bounce/original.ts";
import { relayOf } from "../log/message-log.ts";
import { isKeptBack, type QueueEntry, type QueueRecipient, targetName } from "../queue/queue-entry.ts";
import { isQueueId } from "../queue/queue-id.ts";
import type { QueueStore } from "../queue/queue-store.ts";
import { changeQueue, printable, viewQueue } from "./queue-view.ts";

/** Octets of a message's header that are shown. */
const HEADER_SHOWN = 16 * 1024;

/** What to do. */
export interface QueueArguments {
  readonly action: "list" | "show" | "run" | "hold" | "release" | "remove";
  /** Queue id; all but list and run need one. */
  readonly id?: string;
  readonly json?: boolean;
}

/** Prints a line. */
type Out = (line: string) => void;

/**
 * Does it.
 *
 * @returns the exit code
 * @throws UserError when the queue cannot be opened, and with 65 when no message has the id
 */
export async function queueCommand(site: Site, args: QueueArguments, out: Out): Promise<number> {
  switch (args.action) {
    case "list":
      return list(site, args, out);
    case "show":
      return show(site, args, out);
    case "run":
      return runQueue(site, out);
    case "hold":
      return change(site, args, out, "held", (store, id) => store.hold(id, "by an administrator"));
    case "release":
      return release(site, args, out);
    case "remove":
      return change(site, args, out, "removed", remove);
  }
}

function list(site: Site, args: QueueArguments, out: Out): Promise<number> {
  return viewQueue(site, (store) => {
    if (args.json === true) {
      for (const entry of store?.list() ?? []) out(JSON.stringify(entry));
      return EX_OK;
    }
    if (store === undefined || store.count() === 0) {
      out("the queue is empty");
      return EX_OK;
    }
    for (const entry of store.list()) out(summary(entry));
    for (const { id, reason } of store.unreadable()) out(`${id}  cannot be read: ${reason}`);
    return EX_OK;
  });
}

/** `ID  size  received  state  sender -> recipients`. */
function summary(entry: QueueEntry): string {
  const pending = entry.recipients.filter((recipient) => recipient.state === "pending");
  const first = pending[0]?.address ?? "";
  const more = pending.length > 1 ? ` and ${pending.length - 1} more` : "";
  const state =
    entry.held !== undefined
      ? `held (${entry.held})`
      : entry.quarantine !== undefined
        ? `quarantine (${entry.quarantine})`
        : entry.attempts === 0
          ? "new"
          : `next attempt ${time(entry.nextAttemptAt)}`;
  return `${entry.id}  ${entry.size} octets  ${time(entry.receivedAt)}  ${state}  <${entry.sender}> -> <${first}>${more}`;
}

function show(site: Site, args: QueueArguments, out: Out): Promise<number> {
  return viewQueue(site, async (store) => {
    const entry = args.id === undefined ? undefined : store?.get(args.id);
    if (store === undefined || entry === undefined) throw unknown(args);
    if (args.json === true) {
      out(JSON.stringify(entry, undefined, 2));
      return EX_OK;
    }
    for (const line of details(entry)) out(line);
    out("");
    try {
      const { bytes } = await readOriginal(store.body(entry), false, HEADER_SHOWN);
      for (const line of bytes.toString().split("\r\n").slice(0, -1))
        out(line.split("\t").map(printable).join("\t"));
    } catch (error) {
      out(`the message cannot be read: ${messageOf(error)}`);
    }
    return EX_OK;
  });
}

function details(entry: QueueEntry): string[] {
  return [
    `id: ${entry.id}`,
    `from: <${entry.sender}>`,
    `size: ${entry.size} octets`,
    `received: ${time(entry.receivedAt)} from ${relayOf(entry.origin)} (${entry.origin.protocol})`,
    ...(entry.messageId === undefined ? [] : [`message-id: ${entry.messageId}`]),
    `attempts: ${entry.attempts}${entry.attempts === 0 ? "" : `, the last ${time(entry.lastAttemptAt)}`}`,
    ...(entry.held === undefined ? [] : [`held: ${entry.held}`]),
    ...(entry.quarantine === undefined ? [] : [`quarantine: ${entry.quarantine}`]),
    ...(isKeptBack(entry) ? [] : [`next attempt: ${time(entry.nextAttemptAt)}`]),
    ...entry.recipients.map(recipientLine),
  ];
}

function recipientLine(recipient: QueueRecipient): string {
  const { target, lastReply } = recipient;
  const where =
    target.kind === "remote" ? `domain ${targetName(target)}` : `${target.kind} ${targetName(target)}`;
  const reply = lastReply === undefined ? "" : `: ${lastReply.code} ${lastReply.enhanced} ${lastReply.text}`;
  return `to: <${recipient.address}> (${where}) ${recipient.state}${reply}`;
}

async function runQueue(site: Site, out: Out): Promise<number> {
  const isEmpty = await viewQueue(site, (store) => store === undefined || store.count() === 0);
  if (isEmpty) {
    out("the queue is empty");
    return EX_OK;
  }
  const count = await changeQueue(site, silentLog, (store) => store.forceAll(systemClock.now()));
  const messages = `${count} message${count === 1 ? "" : "s"}`;
  out(
    (await tellDaemon(site, "run-queue", out))
      ? `${messages} will be tried now`
      : `the daemon is not running; ${messages} will be tried when it starts`,
  );
  return EX_OK;
}

async function release(site: Site, args: QueueArguments, out: Out): Promise<number> {
  const code = await change(site, args, out, "released", (store, id) => store.release(id, systemClock.now()));
  if (code === EX_OK) await tellDaemon(site, "wake", out);
  return code;
}

/** The daemon finds what changed by itself; a word from us saves it the wait. Returns false when none is running. */
async function tellDaemon(site: Site, command: string, out: Out): Promise<boolean> {
  try {
    const answer = await sendControl(site, command);
    if (answer?.ok === false) out(`the daemon answered: ${answer.error ?? "no"}`);
    return answer !== undefined;
  } catch (error) {
    out(`the daemon did not answer: ${messageOf(error)}`);
    return true;
  }
}

/** Also one whose entry cannot be read. */
function remove(store: QueueStore, id: string): Promise<boolean> {
  return store.discard(id);
}

/** True for an id in the queue, readable or not. */
function has(store: QueueStore | undefined, id: string): boolean {
  if (store === undefined) return false;
  return store.get(id) !== undefined || [...store.unreadable()].some((entry) => entry.id === id);
}

async function change(
  site: Site,
  args: QueueArguments,
  out: Out,
  done: string,
  act: (store: QueueStore, id: string) => Promise<boolean>,
): Promise<number> {
  const { id } = args;
  const exists = await viewQueue(site, (store) => id !== undefined && has(store, id));
  if (id === undefined || !exists || !(await changeQueue(site, silentLog, (store) => act(store, id)))) {
    throw unknown(args);
  }
  out(`${id} ${done}`);
  return EX_OK;
}

function unknown({ action, id }: QueueArguments): UserError {
  const text =
    id === undefined
      ? `queue ${action}: which message? give its id`
      : isQueueId(id)
        ? `${id}: no such message in the queue`
        : `${id}: not a queue id; mailhost queue list shows them`;
  return new UserError(text, EX_DATAERR);
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
