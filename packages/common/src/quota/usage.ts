/**
 * How full mailboxes are.
 */
import { stat } from "node:fs/promises";
import { errnoOf } from "../errors.ts";
import type { Site } from "../site.ts";
import { type LimitOf, percentOf } from "./mailbox-limits.ts";

/** One mailbox. */
export interface MailboxUsage {
  readonly mailbox: string;
  /** Octets of the mbox; 0 where there is none yet. */
  readonly size: number;
  /** Octets; absent: none. */
  readonly limit?: number;
  /** Whole per cent of the limit. */
  readonly percent?: number;
}

/**
 * Looks at mailboxes by their names.
 *
 * @throws errors of the system, but for a mailbox that is not there
 */
export async function usageOf(
  site: Pick<Site, "mailboxFile">,
  names: Iterable<string>,
  limitOf: LimitOf,
): Promise<MailboxUsage[]> {
  const usage: MailboxUsage[] = [];
  for (const mailbox of names) {
    const size = await sizeOf(site.mailboxFile(mailbox));
    const limit = limitOf(mailbox);
    usage.push({ mailbox, size, ...(limit === 0 ? {} : { limit, percent: percentOf(size, limit) }) });
  }
  return usage;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return 0;
    throw error;
  }
}
