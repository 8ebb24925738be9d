/**
 * The way of a message through the drop folder, an ordinary user's always and a privileged one's while the daemon runs.
 * Nothing is loaded for it but what it needs, since programs wait for it; the tables are the daemon's business.
 */
import type { SubmissionResult } from "@mailhost/common/daemon/launcher-messages";
import { UserError } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { EX_DATAERR, EX_OK, EX_UNAVAILABLE } from "@mailhost/common/sysexits";
import { HeaderFilter } from "../inbound/header-filter.ts";
import { createDrop, type DropWriter, dropHead } from "./drop-file.ts";
import { headerRecipients, RECIPIENT_FIELDS } from "./header-recipients.ts";
import type { SubmissionRequest } from "./submission-request.ts";

/** Time that the launcher's own limit gets before ours (ms). */
const ANSWER_MARGIN = 1000;
/** Messages up to this size are taken without a look at the settings, octets. */
const SURELY_ALLOWED = 1024 * 1024;

/**
 * Leaves a message for the daemon.
 *
 * @param content CRLF line ends
 * @returns the name of the drop file, on stable storage
 * @throws UserError with its exit code when the message cannot be taken
 */
export async function storeForDaemon(
  site: Site,
  request: SubmissionRequest,
  content: AsyncIterable<Buffer>,
  maxSize?: number,
): Promise<string> {
  const drop = await writtenDrop(site, request, content, maxSize);
  try {
    await drop.finish();
    return drop.name;
  } catch (error) {
    await drop.discard();
    throw error;
  }
}

/** A message for whose fate its command waits. */
export interface AwaitedSubmission {
  readonly request: SubmissionRequest;
  /** CRLF line ends. */
  readonly content: AsyncIterable<Buffer>;
  readonly errorsTo: "caller" | "sender";
  readonly maxSize: number | undefined;
}

/**
 * Has the daemon take a message now.
 *
 * @returns the daemon's answer; when there is none in time the message waits in the drop folder, and no complaint is known
 * @throws UserError as {@link storeForDaemon}
 */
export async function submitByDrop(
  site: Site,
  { request, content, errorsTo, maxSize }: AwaitedSubmission,
): Promise<SubmissionResult> {
  const drop = await writtenDrop(site, request, content, maxSize);
  try {
    const result = await askDaemon(site, drop.name, errorsTo);
    if (result === undefined) await drop.finish(true);
    return result ?? { exitCode: EX_OK, complaints: [] };
  } finally {
    // What was refused is nobody's any more.
    await drop.discard();
  }
}

async function askDaemon(
  site: Site,
  drop: string,
  errorsTo: "caller" | "sender",
): Promise<SubmissionResult | undefined> {
  const { sendControl, SUBMISSION_TIMEOUT } = await import("@mailhost/common/daemon/control");
  try {
    const order = { drop, errorsTo };
    const answer = await sendControl(site, "submission", SUBMISSION_TIMEOUT + ANSWER_MARGIN, order);
    const isResult = answer?.ok === true && typeof answer.exitCode === "number";
    return isResult ? (answer as unknown as SubmissionResult) : undefined;
  } catch {
    // The daemon has gone, or is too busy: it finds the message by itself.
    return undefined;
  }
}

/** The message in a drop file that is not in place yet. */
async function writtenDrop(
  site: Site,
  request: SubmissionRequest,
  content: AsyncIterable<Buffer>,
  maxSize: number | undefined,
): Promise<DropWriter> {
  const drop = await createDrop(site.dropDir);
  try {
    // What the daemon would refuse is told to the caller now: later there is nobody to tell.
    const watch = new HeaderFilter({ keep: RECIPIENT_FIELDS });
    await drop.write(dropHead(request));
    let size = 0;
    for await (const chunk of content) {
      size += chunk.length;
      watch.push(chunk);
      await drop.write(chunk);
    }
    watch.finish();
    if (request.fromHeader && headerRecipients(watch.seen).length === 0)
      throw new UserError("No recipient addresses found in header", EX_DATAERR);
    const limit = maxSize ?? (size > SURELY_ALLOWED ? await sizeLimit(site) : size);
    if (size > limit) throw new UserError(`Message exceeds maximum fixed size (${limit})`, EX_UNAVAILABLE);
    return drop;
  } catch (error) {
    await drop.discard();
    throw error;
  }
}

/** The largest message, octets; no limit where we may not read the settings. */
async function sizeLimit(site: Site): Promise<number> {
  const { rememberedSettings } = await import("@mailhost/common/settings/remembered");
  try {
    return (await rememberedSettings(site)).smtp.maxMessageSize;
  } catch {
    // The daemon has the settings, and the last word.
    return Number.POSITIVE_INFINITY;
  }
}
