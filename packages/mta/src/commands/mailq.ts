/**
 * `mailq` (and `sendmail -bp`): the queue in Sendmail's layout and words.
 */
import { UserError } from "@mailhost/common/errors";
import { DEFAULT_ROOT, type Site, siteAt } from "@mailhost/common/site";
import { EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { priorityOf } from "../log/message-log.ts";
import { isLocalTarget, type QueueEntry, type QueueRecipient, targetName } from "../queue/queue-entry.ts";
import { printable, viewQueue } from "./queue-view.ts";

/** How the queue is shown. */
export interface MailqOptions {
  /** Priority of each message too (`mailq -v`). */
  readonly verbose?: boolean;
  /** One JSON object a message, a line each. */
  readonly json?: boolean;
}

const USAGE = "usage: mailq [-v] [--json] [--root DIR]";

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/**
 * Prints the queue of a site, a message at a time.
 *
 * @returns the exit code
 * @throws UserError when the queue cannot be read
 */
export function printMailq(site: Site, options: MailqOptions, out: (line: string) => void): Promise<number> {
  return viewQueue(site, (store) => {
    if (options.json === true) {
      for (const entry of store?.list() ?? []) out(JSON.stringify(entry));
      return EX_OK;
    }
    const total = store?.count() ?? 0;
    if (total === 0) {
      out(`${site.queueDir} is empty`);
      out("\t\tTotal requests: 0");
      return EX_OK;
    }
    out(`\t\t${site.queueDir} (${total} request${total === 1 ? "" : "s"})`);
    const priority = options.verbose === true ? " -Priority-" : "";
    out(`-----Q-ID----- --Size--${priority} -----Q-Time----- ------------Sender/Recipient-----------`);
    for (const entry of store?.list() ?? []) for (const line of entryLines(entry, options)) out(line);
    out(`\t\tTotal requests: ${total}`);
    return EX_OK;
  });
}

/** One message: a line for it and its sender, the reason it is still there, its recipients. */
export function entryLines(entry: QueueEntry, options: MailqOptions = {}): string[] {
  const mark = entry.held === undefined ? " " : "?";
  const size = String(entry.size).padStart(8);
  const priority = options.verbose === true ? ` ${String(priorityOf(entry)).padStart(10)}` : "";
  const lines = [
    `${entry.id}${mark}${size}${priority} ${queueTime(entry.receivedAt)} <${printable(entry.sender)}>`,
  ];
  const reason = reasonOf(entry);
  if (reason !== undefined) lines.push(`                 (${printable(reason)})`);
  for (const { address } of entry.recipients.filter(isPending)) {
    lines.push(`\t\t\t\t\t <${printable(address)}>`);
  }
  return lines;
}

/** `Sun Jun  3 21:59`, local time. */
export function queueTime(ms: number): string {
  const t = new Date(ms);
  const two = (n: number) => String(n).padStart(2, "0");
  const day = String(t.getDate()).padStart(2);
  return `${WEEKDAYS[t.getDay()]} ${MONTHS[t.getMonth()]} ${day} ${two(t.getHours())}:${two(t.getMinutes())}`;
}

/** Why the message is still there: held, or what its recipients last met with. */
function reasonOf(entry: QueueEntry): string | undefined {
  if (entry.held !== undefined) return `held: ${entry.held}`;
  const deferred = entry.recipients.find((r) => isPending(r) && r.lastReply !== undefined);
  if (deferred?.lastReply === undefined) return undefined;
  const where = isLocalTarget(deferred.target) ? "" : ` (${targetName(deferred.target)})`;
  return `Deferred: ${deferred.lastReply.text}${where}`;
}

function isPending(recipient: QueueRecipient): boolean {
  return recipient.state === "pending";
}

/** The command: `mailq [-v] [--json] [--root DIR]`. */
export async function run(args: readonly string[]): Promise<number> {
  const out = (line: string) => void process.stdout.write(`${line}\n`);
  if (args[0] === "--help") {
    out(USAGE);
    return EX_OK;
  }
  try {
    const { root, ...options } = readArguments(args);
    return await printMailq(siteAt(root), options, out);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    process.stderr.write(`mailq: ${error.message}\n`);
    return error.exitCode;
  }
}

function readArguments(args: readonly string[]): MailqOptions & { root: string } {
  let root = process.env.MAILHOST_ROOT ?? DEFAULT_ROOT;
  let verbose = false;
  let json = false;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "-v") verbose = true;
    else if (arg === "--json") json = true;
    else if (arg.startsWith("--root=")) root = arg.slice("--root=".length);
    else if (arg === "--root" && i + 1 < args.length) root = args[++i]!;
    else throw new UserError(`${arg}: ${USAGE}`, EX_USAGE);
  }
  return { root, verbose, json };
}
