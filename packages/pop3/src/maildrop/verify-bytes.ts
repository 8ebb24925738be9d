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
const LF = 10;
const CR = 13;
/** What a line begins with that may be a message's first. */
const BEGINNINGS = [
  { kind: "from", bytes: Buffer.from("\nFrom ") },
  { kind: "headless", bytes: Buffer.from("\nReturn-Path: <") },
  { kind: "headless", bytes: Buffer.from("\nReceived: from ") },
  { kind: "headless", bytes: Buffer.from("\nX-UIDL: ") },
] as const;

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
    for (const { kind, bytes: beginning } of BEGINNINGS) {
      // The first two bytes of a block tell what stands before its third only with the block before it: it brought them.
      for (let at = bytes.indexOf(beginning); at >= 0; at = bytes.indexOf(beginning, at + 1)) {
        const start = base + at + 1;
        if (at >= own + 2 || (base > 0 && at < 2) || !isBehindEmptyLine(bytes, at, base) || known.has(start))
          continue;
        const end = bytes.indexOf(LF, at + 1);
        add(kind, start, (end < 0 ? got : end) - at - 1);
      }
    }
    if (got <= BLOCK) break;
  }
  endNul();
  return places.sort((a, b) => a.offset - b.offset);
}

/** Whether the line that ends at the index `at` is empty, or has only a CR. */
function isBehindEmptyLine(bytes: Buffer, at: number, base: number): boolean {
  if (at === 0) return base === 0;
  if (bytes[at - 1] === CR) return at === 1 ? base === 0 : bytes[at - 2] === LF;
  return bytes[at - 1] === LF;
}
