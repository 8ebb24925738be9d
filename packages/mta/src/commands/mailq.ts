/**
 * `mailq` (and `sendmail -bp`): the queue in Sendmail's layout and words.
 *
 * Marks after an id: `*` an attempt is under way, `X` the machine is too busy for one, `-` it is too young for one, `?` it is
 * kept back by an administrator or in quarantine.
 */
import { loadavg } from "node:os";
import { systemClock } from "@mailhost/common/clock";
import { sendControl } from "@mailhost/common/daemon/control";
import { UserError } from "@mailhost/common/errors";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import { DEFAULT_ROOT, type Site, siteAt } from "@mailhost/common/site";
import { EX_NOPERM, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { priorityOf } from "../log/message-log.ts";
import {
  isKeptBack,
  isLocalTarget,
  type QueueEntry,
  type QueueRecipient,
  targetName,
  writtenTarget,
} from "../queue/queue-entry.ts";
import { isSelected } from "../queue/selection.ts";
import { NO_QUEUE_FLAGS, type QueueFlags, readQueueFlag } from "./queue-flags.ts";
import { mayNot } from "./queue-permission.ts";
import { printable, viewQueue } from "./queue-view.ts";

/** How the queue is shown. */
export interface MailqOptions {
  /** Priorities, warnings and every recipient's status too (`mailq -v`). */
  readonly verbose?: boolean;
  /** One JSON object a message, a line each. */
  readonly json?: boolean;
  /** Which messages (`-q[!]I|R|S|Q TEXT`, `-qQ`, `-qL`). */
  readonly queue?: QueueFlags;
}

/** What is known of the moment besides the queue itself. */
export interface QueueMoment {
  /** Ids that are being delivered. */
  readonly underWay: ReadonlySet<string>;
  /** The load average is over queue.queueLoad. */
  readonly busy: boolean;
  /** queue.minAge (ms). */
  readonly minAge: number;
  readonly now: number;
}

const USAGE = "usage: mailq [-v] [-qQ] [-q[!]I|R|S|Q TEXT] [--json] [--root DIR]";

const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const HEADING = "-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------";
const VERBOSE_HEADING = "-----Q-ID----- --Size-- -Priority- ---Q-Time--- --------Sender/Recipient--------";

/** Nothing is known: no daemon, no limits. */
const QUIET_MOMENT: QueueMoment = { underWay: new Set(), busy: false, minAge: 0, now: 0 };

/**
 * Prints the queue of a site, a message at a time.
 *
 * @returns the exit code
 * @throws UserError when the queue cannot be read or the caller may not see it (restrictmailq)
 */
export async function printMailq(
  site: Site,
  options: MailqOptions,
  out: (line: string) => void,
): Promise<number> {
  const settings = settingsOf(site);
  if (mayNot("restrictmailq", site, settings))
    throw new UserError("510 You are not permitted to see the queue", EX_NOPERM);
  const moment = await momentOf(site, settings);
  return viewQueue(site, (store) => {
    const { conditions = [], quarantined = false, lost = false } = options.queue ?? {};
    const shown = (entry: QueueEntry) =>
      !lost && (!quarantined || entry.quarantine !== undefined) && isSelected(entry, { conditions });
    // Counted first: the heading tells how many there are.
    const all = conditions.length === 0 && !quarantined && !lost;
    let total = 0;
    if (all) total = store?.count() ?? 0;
    else for (const entry of store?.list() ?? []) if (shown(entry)) total++;
    if (options.json === true) {
      for (const entry of store?.list() ?? []) if (shown(entry)) out(JSON.stringify(entry));
      return EX_OK;
    }
    if (total === 0) {
      out(`${site.queueDir} is empty`);
      out("\t\tTotal requests: 0");
      return EX_OK;
    }
    out(`\t\t${site.queueDir} (${total} request${total === 1 ? "" : "s"})`);
    out(options.verbose === true ? VERBOSE_HEADING : HEADING);
    for (const entry of store?.list() ?? []) {
      if (shown(entry)) for (const line of entryLines(entry, options, moment)) out(line);
    }
    out(`\t\tTotal requests: ${total}`);
    return EX_OK;
  });
}

/** -bP: how many messages there are. */
export function printQueueCount(site: Site, out: (line: string) => void): Promise<number> {
  if (mayNot("restrictmailq", site, settingsOf(site)))
    throw new UserError("510 You are not permitted to see the queue", EX_NOPERM);
  return viewQueue(site, (store) => {
    out(`${site.queueDir}: entries=${store?.count() ?? 0}`);
    out(`Total requests: ${store?.count() ?? 0}`);
    return EX_OK;
  });
}

/** One message: a line for it and its sender, the reason it is still there, its recipients. */
export function entryLines(
  entry: QueueEntry,
  options: MailqOptions = {},
  moment: QueueMoment = QUIET_MOMENT,
): string[] {
  const verbose = options.verbose === true;
  const size = String(entry.size).padStart(8);
  const when = verbose
    ? `${String(priorityOf(entry)).padStart(10)}${entry.warnedAt > 0 ? "+" : " "}${queueTime(entry.receivedAt).slice(4)}`
    : queueTime(entry.receivedAt);
  const lines = [`${entry.id}${markOf(entry, moment)}${size} ${when} <${printable(entry.sender)}>`];
  if (entry.quarantine !== undefined) lines.push(`     QUARANTINE: ${printable(entry.quarantine)}`);
  const reason = reasonOf(entry);
  if (reason !== undefined) lines.push(`                 (${printable(reason)})`);
  const indent = verbose ? "\t\t\t\t\t\t" : "\t\t\t\t\t ";
  let controlling: string | undefined;
  for (const recipient of entry.recipients.filter(isPending)) {
    if (verbose && recipient.controlling !== controlling) {
      controlling = recipient.controlling;
      lines.push(`${indent}(---${printable(controlling ?? "")}---)`);
    }
    lines.push(`${indent}${printable(shownRecipient(recipient))}`);
    if (verbose && recipient.lastReply !== undefined)
      lines.push(`${indent}\t(${printable(recipient.lastReply.text)})`);
  }
  return lines;
}

/** Programs and files as the alias has them, as Sendmail shows them. */
function shownRecipient({ address, target }: QueueRecipient): string {
  return target.kind === "program" || target.kind === "file" ? writtenTarget(target) : `<${address}>`;
}

function markOf(entry: QueueEntry, { underWay, busy, minAge, now }: QueueMoment): string {
  if (underWay.has(entry.id)) return "*";
  if (isKeptBack(entry)) return "?";
  if (busy) return "X";
  return minAge > 0 && entry.attempts > 0 && entry.lastAttemptAt + minAge > now ? "-" : " ";
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

/** The settings, where they can be read: a list is shown with faulty ones too. */
function settingsOf(site: Site): Settings | undefined {
  try {
    return loadSettings(site);
  } catch {
    return undefined;
  }
}

async function momentOf(site: Site, settings: Settings | undefined): Promise<QueueMoment> {
  const load = settings?.queue.queueLoad ?? 0;
  return {
    underWay: await idsUnderWay(site),
    busy: load > 0 && (loadavg()[0] ?? 0) >= load,
    minAge: settings?.queue.minAge ?? 0,
    now: systemClock.now(),
  };
}

/** What the daemon is delivering; nothing where it does not say so at once. */
async function idsUnderWay(site: Site): Promise<ReadonlySet<string>> {
  try {
    const answer = await sendControl(site, "under-way");
    const { ids } = (answer ?? {}) as { ids?: unknown };
    return new Set(Array.isArray(ids) ? ids.map(String) : []);
  } catch {
    return new Set();
  }
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
    process.stderr.write(
      error.message.startsWith("510 ") ? `${error.message}\n` : `mailq: ${error.message}\n`,
    );
    return error.exitCode;
  }
}

function readArguments(args: readonly string[]): MailqOptions & { root: string } {
  let root = process.env.MAILHOST_ROOT ?? DEFAULT_ROOT;
  let verbose = false;
  let json = false;
  let queue = NO_QUEUE_FLAGS;
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === "-v") verbose = true;
    else if (arg === "--json") json = true;
    // There is one queue: what submit.cf had in another is in it.
    else if (arg === "-Ac" || arg === "-Am") continue;
    else if (arg.startsWith("-q")) {
      const read = readQueueFlag(arg.slice(2), queue);
      if (!read.ok) throw new UserError(`${read.reason}\n${USAGE}`, EX_USAGE);
      queue = read.flags;
    } else if (arg.startsWith("--root=")) root = arg.slice("--root=".length);
    else if (arg === "--root" && i + 1 < args.length) root = args[++i]!;
    else throw new UserError(`${arg}: ${USAGE}`, EX_USAGE);
  }
  return { root, verbose, json, queue };
}
