/**
 * The way of an ordinary user's message: into the drop folder. Nothing is loaded for it but what it needs, since programs
 * wait for it; the tables are the daemon's business.
 */
import { UserError } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { EX_DATAERR, EX_UNAVAILABLE } from "@mailhost/common/sysexits";
import { HeaderFilter } from "../inbound/header-filter.ts";
import { createDrop, dropHead } from "./drop-file.ts";
import { headerRecipients, RECIPIENT_FIELDS } from "./header-recipients.ts";
import type { SubmissionRequest } from "./submission-request.ts";

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
    await drop.finish();
    return drop.name;
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
