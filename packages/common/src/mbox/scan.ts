/**
 * Finds the messages of an mbox and measures them, reading the file once and holding about one megabyte, whatever the
 * size of the file, of a message or of a header; of a large file some four, where few are scanned at once.
 *
 * What a message is, docs/mbox-and-locking.md says. Readers undo the quoting: of a line that matches `^>+From `, in the
 * header too, POP3 sends one `>` less, and the octets given here are counted so.
 */
import type { FileHandle } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import { FoundMessages } from "./found-messages.ts";
import { LONGEST_FROM_LINE } from "./from-line.ts";
import type { HeaderIdentity } from "./header-digest.ts";
import { BEFORE, lookaheadFor, MessageFinder } from "./message-finder.ts";
import { BEHIND, borrowKernel, KERNEL_OWN, returnKernel } from "./scan-kernel.ts";
import { HAS_THREADS, scanInThreads } from "./scan-threads.ts";

/** Where a message lies, and how long POP3 says it is. Offsets are bytes from the start of the mbox. */
export interface MessageSpan extends HeaderIdentity {
  /** The `From ` line. */
  readonly start: number;
  /** The first line of the header. */
  readonly head: number;
  /** Behind the empty line that ends the header; `end` when there is none. */
  readonly body: number;
  /** Behind the last byte of the message; the empty line that separates it from the next is left out. */
  readonly end: number;
  /**
   * Octets from `head` to `end` as POP3 sends them: an LF with no CR before it sent as CR LF, a last line without one supplied
   * with it, one `>` taken off quoted lines, no dot-stuffing.
   */
  readonly octets: number;
}

/** Sizes of the scanner's buffer, for tests that want every pattern split in every way. */
export interface ScanTuning {
  /** Bytes read at a time; what suits the size of the file where it is not said. */
  readonly block?: number;
  /** Bytes of these looked through at a time. */
  readonly slice?: number;
  /** The longest `From ` line that is recognised. */
  readonly fromLine: number;
  /** Whether to work out Qpopper's ids of old style. */
  readonly oldStyleIds?: boolean;
}

/** What is usual. */
export const TUNING: ScanTuning = { fromLine: LONGEST_FROM_LINE };
/** Bytes read at a time. */
const USUAL_BLOCK = 512 * 1024;
/** Of a large file: handing a read to another thread and waiting for it costs as much as looking through some 100 KiB. */
const LARGE_BLOCK = 2 * 1024 * 1024;
/** A file of so many bytes is large. */
const LARGE_FILE = 64 * 1024 * 1024;
/** Scans that may have large blocks at once. */
const MOST_LARGE = 4;
/** Scans that have large blocks now. */
const large = { scans: 0 };

/** Bytes looked through, and messages found in them, before others get their turn. */
const SLICE = 256 * 1024;
const A_TURN = 2048;

/** Which part of which file is scanned, and how. */
export interface ScanOrder {
  readonly file: FileHandle;
  /** 0, the start of a `From ` line, or an old end of the file. */
  readonly from: number;
  /** Where the file is taken to end. */
  readonly to: number;
  /** Whether a message can start at `from` whatever stands before it; else the two bytes before `from` say. */
  readonly atStart: boolean;
  readonly tuning: ScanTuning;
}

/**
 * Scans `[from, to)` and yields the messages in their order, some at a time.
 *
 * @param from 0, the start of a `From ` line, or an old end of the file
 * @param to where the file is taken to end
 * @param atStart whether a message can start at `from` whatever stands before it; else the two bytes before `from` say
 * @throws errors of the system
 */
export async function* scanMbox(
  file: FileHandle,
  from: number,
  to: number,
  atStart: boolean = from === 0,
  tuning: ScanTuning = TUNING,
): AsyncGenerator<MessageSpan[]> {
  const found = new FoundMessages();
  for await (const _ of rounds({ file, from, to, atStart, tuning }, found)) {
    if (found.count > 0) yield found.drain();
  }
}

/**
 * Scans as {@link scanMbox} does; for large mailboxes, all of whose messages are wanted at once.
 *
 * @throws errors of the system
 */
export async function scanAll(order: ScanOrder): Promise<FoundMessages> {
  if (HAS_THREADS && order.to - order.from >= LARGE_FILE) {
    try {
      return await scanInThreads(order);
    } catch {
      // Without threads (a limit of processes or files) it only takes longer; a disk that fails will say so again.
    }
  }
  const found = new FoundMessages();
  for await (const _ of rounds(order, found)) {
    // They add up.
  }
  return found;
}

/** Scans, and yields whenever some more was looked through. */
async function* rounds(
  { file, from, to, atStart, tuning }: ScanOrder,
  found: FoundMessages,
): AsyncGenerator<void> {
  const isLarge = tuning.block === undefined && to - from >= LARGE_FILE && large.scans < MOST_LARGE;
  const wished = tuning.block ?? (isLarge ? LARGE_BLOCK : USUAL_BLOCK);
  const slice = tuning.slice ?? SLICE;
  const lookahead = lookaheadFor(tuning.fromLine);
  // Room in front of each block for what the block before it left over.
  const room = lookahead + BEFORE;
  const block = Math.max(1, Math.min(wished, to - from + BEFORE));
  const one = room + block + BEHIND;
  const kernel = borrowKernel(KERNEL_OWN + 2 * one);
  const finder = new MessageFinder(kernel, found, {
    from,
    atStart,
    lookahead,
    fromLine: tuning.fromLine,
    oldStyleIds: tuning.oldStyleIds === true,
  });
  /** Where the two blocks are that take turns, behind their rooms. */
  const places = [KERNEL_OWN + room, KERNEL_OWN + one + room] as const;
  let at = Math.max(0, from - BEFORE);
  let turn: 0 | 1 = 0;
  let left = 0;
  const read = () => readBlock(file, kernel.bytes, places[turn], Math.min(block, to - at), at);
  let pending = read();
  if (isLarge) large.scans++;
  try {
    for (;;) {
      const place = places[turn];
      const got = await pending;
      const base = at - place;
      at += got;
      turn = turn === 0 ? 1 : 0;
      if (got > 0) pending = read();
      const end = place + got;
      let used = place - left;
      let some = 0;
      for (let upTo = Math.min(place + slice, end); ; upTo = Math.min(upTo + slice, end)) {
        const before = found.count;
        used = finder.take({ start: used, end: upTo, base, final: got === 0 });
        some += found.count - before;
        if (upTo === end) break;
        yield;
        if (some < A_TURN) continue;
        some = 0;
        await setImmediate();
      }
      left = end - used;
      // What was not used goes in front of the block that is being read.
      kernel.bytes.copyWithin(places[turn] - left, used, end);
      yield;
      if (got === 0) return;
    }
  } finally {
    if (isLarge) large.scans--;
    await pending.catch(() => 0);
    returnKernel(kernel);
  }
}

/** Starts reading `length` bytes at `at`; 0 when there are none. */
function readBlock(
  file: FileHandle,
  into: Buffer,
  offset: number,
  length: number,
  at: number,
): Promise<number> {
  if (length <= 0) return Promise.resolve(0);
  const reading = file.read(into, offset, length, at).then(({ bytesRead }) => bytesRead);
  // It is awaited after the block before it; a failure until then is not an unhandled one.
  reading.catch(() => undefined);
  return reading;
}
