/**
 * Looks at the bytes of an mbox for what the scanner passes over: blocks of NUL bytes, `From ` lines that start no message,
 * messages that may have lost theirs. It reads the file once, in blocks, and holds no more of it.
 */
import type { FileHandle } from "node:fs/promises";
import { readWhole } from "@mailhost/common/fs/whole-io";

/** A place in the file that somebody should know of. Offsets and lengths are bytes. */
export interface SuspectPlace {
  /**
   * - `nul`: a block of NUL bytes, as file systems leave after a power loss
   * - `from`: a `From ` line behind an empty line that ends in no date: it starts no message
   * - `headless`: a header as deliveries write it, behind an empty line: a message that lost its `From ` line, perhaps
   */
  readonly kind: "nul" | "from" | "headless";
  readonly offset: number;
  readonly length: number;
}

/** NUL bytes in a row that are a block: one here and there may be a message's own. */
export const NUL_BLOCK = 16;
/** Places of a kind that are reported one by one. */
const MOST = 100;
const BLOCK = 512 * 1024;
/** Bytes at the end of a block that the next one brings again. */
const OVERLAP = 64;
const FROM = Buffer.from("\n\nFrom ");
const HEADS = [
  Buffer.from("\n\nReturn-Path: <"),
  Buffer.from("\n\nReceived: from "),
  Buffer.from("\n\nX-UIDL: "),
];

/**
 * Finds suspect places.
 *
 * @param starts where messages start, ascending
 * @throws errors of the system
 */
export async function suspectPlaces(file: FileHandle, starts: Float64Array): Promise<SuspectPlace[]> {
  const places: SuspectPlace[] = [];
  const counts = { nul: 0, from: 0, headless: 0 };
  const add = (kind: SuspectPlace["kind"], offset: number, length: number) => {
    if (counts[kind]++ < MOST) places.push({ kind, offset, length });
  };
  const known = new Set(starts);
  const buffer = Buffer.allocUnsafe(BLOCK + OVERLAP);
  let nul: { start: number; end: number } | undefined;
  const endNul = () => {
    if (nul !== undefined && nul.end - nul.start >= NUL_BLOCK) add("nul", nul.start, nul.end - nul.start);
    nul = undefined;
  };
  for (let base = 0; ; base += BLOCK) {
    const got = await readWhole(file, buffer, base);
    if (got === 0) break;
    const own = Math.min(got, BLOCK);
    const bytes = buffer.subarray(0, got);
    for (let at = bytes.indexOf(0); at >= 0 && at < own; ) {
      if (nul?.end !== base + at) endNul();
      let end = at;
      while (end < own && bytes[end] === 0) end++;
      nul = { start: nul?.start ?? base + at, end: base + end };
      at = bytes.indexOf(0, end);
    }
    for (let at = bytes.indexOf(FROM); at >= 0 && at < own; at = bytes.indexOf(FROM, at + 1)) {
      const start = base + at + 2;
      if (!known.has(start))
        add("from", start, Math.max(FROM.length - 2, bytes.indexOf(10, at + 2) - at - 2));
    }
    for (const head of HEADS) {
      for (let at = bytes.indexOf(head); at >= 0 && at < own; at = bytes.indexOf(head, at + 1)) {
        add("headless", base + at + 2, head.length - 2);
      }
    }
    if (got <= BLOCK) break;
  }
  endNul();
  return places.sort((a, b) => a.offset - b.offset);
}
