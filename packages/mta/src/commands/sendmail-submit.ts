/**
 * `sendmail` with a message on standard input: the message is on stable storage before the program exits with 0.
 *
 * Whoever may write the queue has a running daemon take the message in and passes on what it answers, since that takes
 * half the time of opening queue and tables; without a daemon he queues it himself, and it waits for the next start.
 * Others leave it in the drop folder. Each way is loaded only when it is gone.
 */
import { accessSync, appendFileSync, constants } from "node:fs";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, UserError } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { EX_CANTCREAT, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import type { LocalUser } from "../submit/local-user.ts";
import { listedAddresses } from "../submit/recipient-list.ts";
import type { SubmissionRequest } from "../submit/submission-request.ts";
import type { RunOptions } from "./run-options.ts";
import type { SendmailFlags } from "./sendmail-flags.ts";
import { stdinMessage } from "./stdin-message.ts";

/** Who calls, and with what. */
export interface SubmitCall {
  readonly site: Site;
  readonly flags: SendmailFlags;
  readonly options: RunOptions;
  readonly input: AsyncIterable<Buffer>;
  /** The user who runs the program. */
  readonly user: LocalUser;
  readonly clock: Clock;
  /** A line for standard error. */
  readonly complain: (line: string) => void;
}

/** Submits the message. @returns the exit code (sysexits) */
export async function submitMessage(call: SubmitCall): Promise<number> {
  const { site, flags, options } = call;
  if (flags.recipients.length === 0 && !flags.recipientsInHeader) {
    call.complain("Recipient names must be specified");
    return EX_USAGE;
  }
  const request = requestOf(flags);
  const lines = stdinMessage(call.input, flags.ignoreDots);
  const content = flags.trafficLog === undefined ? lines : copied(lines, flags.trafficLog);
  if (!mayWriteQueue(site)) return leaveForDaemon(call, request, content);
  if (await daemonMayTake(call)) return submitToDaemon(call, request, content);
  const exitCode = await queueDirectly(call, request, content);
  if (!options.queueOnly) await wakeDaemon(site);
  return exitCode;
}

/** True when a daemon is there and the run asks for nothing that only this process can do. */
async function daemonMayTake({ site, flags, options }: SubmitCall): Promise<boolean> {
  const { queueOnly, maxHops, logLevel } = options;
  if (queueOnly || maxHops !== undefined || logLevel !== undefined || flags.logTag !== undefined)
    return false;
  if (!isWritable(site.dropDir)) return false;
  const { isListening } = await import("@mailhost/common/daemon/control");
  return isListening(site);
}

async function submitToDaemon(
  { site, options, flags, complain }: SubmitCall,
  request: SubmissionRequest,
  content: AsyncIterable<Buffer>,
): Promise<number> {
  const { submitByDrop } = await import("../submit/stored-by-user.ts");
  const errorsTo = options.errors === "mail" ? "sender" : "caller";
  const result = await submitByDrop(site, { request, content, errorsTo, maxSize: options.maxMessageSize });
  if (options.errors === "print") for (const line of result.complaints) complain(line);
  if (flags.verbose && result.id !== undefined) sayQueued(result.id, result.recipients ?? [], complain);
  return result.exitCode;
}

/** -v: what was accepted, in Sendmail's words for a message that another process delivers. */
function sayQueued(id: string, addresses: readonly string[], complain: (line: string) => void): void {
  for (const address of addresses) complain(`${address}... queued`);
  complain(`${id} Message accepted for delivery`);
}

async function queueDirectly(
  { site, flags, options, user, clock, complain }: SubmitCall,
  request: SubmissionRequest,
  content: AsyncIterable<Buffer>,
): Promise<number> {
  const { becomeQueueOwner } = await import("@mailhost/common/daemon/identity");
  // A message that root sends must be readable for the mta, which is root no longer.
  becomeQueueOwner(site);
  const { storeInQueue } = await import("../submit/stored-in-queue.ts");
  const { name, fullName } = user;
  const result = await storeInQueue(
    site,
    {
      request,
      content,
      user: name,
      ...(fullName === undefined ? {} : { fullName }),
      errorsTo: options.errors === "mail" ? "sender" : "caller",
    },
    { ...options, ...(flags.logTag === undefined ? {} : { logTag: flags.logTag }) },
    clock,
  );
  if (options.errors === "print") for (const line of result.complaints) complain(line);
  const { entry } = result;
  if (entry !== undefined && flags.verbose) {
    const addresses = entry.recipients.map(({ address }) => address);
    sayQueued(entry.id, addresses, complain);
  }
  return result.exitCode;
}

async function leaveForDaemon(
  { site, flags, options, complain }: SubmitCall,
  request: SubmissionRequest,
  content: AsyncIterable<Buffer>,
): Promise<number> {
  const { storeForDaemon } = await import("../submit/stored-by-user.ts");
  const name = await storeForDaemon(site, request, content, options.maxMessageSize);
  if (flags.verbose) complain(`${name} Message accepted; the daemon takes it into the queue`);
  return EX_OK;
}

/** An argument may be a list, as in a header; a source route has commas of its own, and a program may have. */
function argumentAddresses(argument: string): string[] {
  return argument.includes(",") && !/^["<]?[@|]/.test(argument) ? listedAddresses(argument) : [argument];
}

/** What the flags ask for, as data. */
export function requestOf(flags: SendmailFlags): SubmissionRequest {
  const given = <K extends string, V>(name: K, value: V | undefined) =>
    (value === undefined ? {} : { [name]: value }) as { [k in K]?: V };
  return {
    recipients: flags.recipients.flatMap(argumentAddresses),
    fromHeader: flags.recipientsInHeader,
    ...given("sender", flags.sender),
    ...given("fullName", flags.fullName),
    ...given("notify", flags.notify),
    ...given("dsnReturn", flags.dsnReturn),
    ...given("envelopeId", flags.envelopeId),
    ...given("bodyType", flags.bodyType),
    ...given("smtputf8", flags.smtputf8 ? true : undefined),
    ...given("hops", flags.hops),
    ...given("quarantine", flags.quarantine === "" ? undefined : flags.quarantine),
  };
}

/** True for root, for the daemon's user, and where we are to make the queue. */
export function mayWriteQueue(site: Site): boolean {
  if (process.getuid?.() === 0) return true;
  try {
    accessSync(site.queueDir, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") return false;
  }
  return !isWritable(site.dropDir);
}

function isWritable(dir: string): boolean {
  try {
    accessSync(dir, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** -X: the lines as they come, `PID <<< line`. */
async function* copied(content: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  const prefix = `${String(process.pid).padStart(5, "0")} <<< `;
  let rest = "";
  const write = (text: string) => {
    try {
      appendFileSync(file, text, { mode: 0o600 });
    } catch (error) {
      throw new UserError(`cannot open ${file}`, EX_CANTCREAT, { cause: error });
    }
  };
  for await (const chunk of content) {
    const lines = (rest + chunk.toString("latin1")).split("\r\n");
    rest = lines.pop() ?? "";
    write(Buffer.from(lines.map((line) => `${prefix}${line}\n`).join(""), "latin1").toString("utf8"));
    yield chunk;
  }
  write(`${rest === "" ? "" : `${prefix}${rest}\n`}${prefix}[EOF]\n`);
}

/** The message is safe whether or not the daemon hears of it now: it looks for new ones by itself too. */
async function wakeDaemon(site: Site): Promise<void> {
  const { sendControl } = await import("@mailhost/common/daemon/control");
  try {
    await sendControl(site, "wake");
  } catch {
    // It will find the message by itself.
  }
}
