/**
 * Scans a part of an mbox by synchronous calls, for a thread that does nothing else (scan-threads.ts).
 *
 * Where a message starts is told by its line and the three bytes before it, whatever stands elsewhere. So a part that begins
 * anywhere, in the middle of a line even, gives the messages that start in it, and the parts of a file give what the whole of it would.
 */
import { readSync } from "node:fs";
import { type FoundColumns, FoundMessages } from "./found-messages.ts";
import { BEFORE, lookaheadFor, MessageFinder } from "./message-finder.ts";
import { BEHIND, borrowKernel, KERNEL_OWN, returnKernel } from "./scan-kernel.ts";

/** Bytes read at a time: they stay in the processor's cache until they have been looked at. */
const BLOCK = 512 * 1024;

/** Which part of which file. */
export interface ScanPart {
  readonly fd: number;
  /** Messages are wanted that start at `from` or behind it, … */
  readonly from: number;
  /** … and before this. */
  readonly until: number;
  /** Where the file is taken to end. */
  readonly to: number;
  /** Whether a message can start at `from` whatever stands before it; else the three bytes before say. */
  readonly atStart: boolean;
  readonly fromLine: number;
  readonly oldStyleIds: boolean;
  /** Bytes read at a time, for tests. */
  readonly block?: number;
}

/**
 * Finds the messages that start in a part. The last of them may end far behind it.
 *
 * @throws errors of the system
 */
export function scanPart(part: ScanPart): FoundColumns {
  const { fd, from, until, to, atStart, fromLine, oldStyleIds, block = BLOCK } = part;
  const lookahead = lookaheadFor(fromLine);
  // Room in front of the block for what the block before it left over.
  const place = KERNEL_OWN + lookahead + BEFORE;
  const kernel = borrowKernel(place + block + BEHIND);
  const found = new FoundMessages();
  const finder = new MessageFinder(kernel, found, { from, atStart, lookahead, fromLine, oldStyleIds });
  let at = Math.max(0, from - BEFORE);
  let left = 0;
  try {
    while ((finder.openAt ?? from) < until) {
      const got = at < to ? readSync(fd, kernel.bytes, place, Math.min(block, to - at), at) : 0;
      const base = at - place;
      at += got;
      const end = place + got;
      const used = finder.take({ start: place - left, end, base, final: got === 0 });
      left = end - used;
      kernel.bytes.copyWithin(place - left, used, end);
      // Where none has begun yet, none may before the part is over.
      if (got === 0 || (finder.openAt === undefined && at - left >= until)) break;
    }
  } finally {
    returnKernel(kernel);
  }
  return found.columns(until);
}
