/**
 * The scanner's state from block to block: which message is open, where its header ended, what has been counted.
 *
 * Bytes are gone through by the kernel; here is what happens once or twice a message.
 */
import { endsInDate } from "./from-line.ts";
import {
  HEADER_WINDOW,
  type HeaderIdentity,
  headerIdentity,
  oldStyleId,
  plainIdentity,
} from "./header-digest.ts";
import type { MessageSpan } from "./scan.ts";
import { BEHIND, SAID, type ScanKernel } from "./scan-kernel.ts";

/** A stretch of the file in the kernel's memory. */
export interface ScanBlock {
  /** Where in the memory it starts and ends. */
  readonly start: number;
  readonly end: number;
  /** Offset in the file of the memory's first byte. */
  readonly base: number;
  /** Nothing comes behind it. */
  readonly final: boolean;
}

/** Bytes before a place that tell whether a message can start there; each block brings them again. */
export const BEFORE = 3;
/** Bytes behind a place that tell whether it is the start of a field, a quoted line, a `From ` line at all. */
export const SHORTEST_LOOKAHEAD = 16;

const LF = 10;
const CR = 13;
const CR_LF = 2;
const FROM = Buffer.from("From ");

/** A message whose end has not been found. Offsets are in the file. */
interface OpenMessage {
  readonly start: number;
  readonly head: number;
  /** Undefined while the header goes on. */
  body: number | undefined;
  /** Counted so far, as POP3 sends it. */
  octets: number;
  /** Of these, the header's. */
  headerOctets: number;
  /** Bytes of the `From ` line and header that were put aside, for their block is gone. */
  aside: number;
}

/** What is looked for, and how. */
export interface FinderOptions {
  /** Offset in the file of the scan's start. */
  readonly from: number;
  /** Whether a message may start there whatever stands before it. */
  readonly atStart: boolean;
  /** Bytes at the end of a block that can not be judged before the next. */
  readonly lookahead: number;
  /** The longest `From ` line. */
  readonly fromLine: number;
  /** Whether to work out Qpopper's ids of old style. */
  readonly oldStyleIds: boolean;
}

/** Finds messages in blocks that follow each other. */
export class MessageFinder {
  readonly #kernel: ScanKernel;
  readonly #from: number;
  readonly #atStart: boolean;
  readonly #lookahead: number;
  readonly #fromLine: number;
  readonly #oldStyleIds: boolean;
  /** Offset in the file up to which all is counted. */
  #counted: number;
  #begun = false;
  #open: OpenMessage | undefined;
  #spans: MessageSpan[] = [];
  /** The `From ` line and header of the open message, as far as they were put aside. */
  #aside: Buffer | undefined;

  constructor(kernel: ScanKernel, { from, atStart, lookahead, fromLine, oldStyleIds }: FinderOptions) {
    this.#kernel = kernel;
    this.#lookahead = lookahead;
    this.#from = from;
    this.#counted = from;
    this.#atStart = atStart;
    this.#fromLine = fromLine;
    this.#oldStyleIds = oldStyleIds;
  }

  /** The messages that have ended since the last call. */
  found(): MessageSpan[] {
    const spans = this.#spans;
    this.#spans = [];
    return spans;
  }

  /**
   * Looks through a block.
   *
   * @returns the place in the memory from which on the next block must bring everything again
   */
  take(block: ScanBlock): number {
    const { start, end, base, final } = block;
    const { bytes } = this.#kernel;
    // Nothing there is taken for what is not in the file.
    if (final) bytes.fill(0, end, end + BEHIND);
    const limit = final ? end : Math.max(start, end - this.#lookahead);
    if (!this.#begun && (limit > this.#counted - base || final)) {
      this.#begun = true;
      bytes.fill(0, start - BEFORE, start);
      this.#tryFirst(block);
    }
    if (this.#begun) this.#goThrough(block, limit);
    if (final) this.#close(end, base);
    else this.#putAside(base);
    return Math.max(start, Math.min(limit, this.#counted - base) - BEFORE);
  }

  /** A message may start where the scan does, and behind an empty first line of the file. */
  #tryFirst(block: ScanBlock): void {
    const { base, start, end } = block;
    const { bytes } = this.#kernel;
    if (this.#atStart) this.#tryStart(this.#from - base, block);
    const second = 1 - base;
    if (base + start === 0 && this.#from <= 1 && bytes[start] === LF && end > second && this.#counted <= 1) {
      this.#tryStart(second, block);
    }
  }

  /** Counts up to `limit`, ending and starting messages on the way. */
  #goThrough(block: ScanBlock, limit: number): void {
    const { base } = block;
    const { said } = this.#kernel;
    let at = this.#counted - base;
    while (at < limit) {
      const open = this.#open;
      said[SAID.extra] = 0;
      if (open !== undefined && open.body === undefined) {
        const body = this.#kernel.header(at, limit);
        const stop = body === 0 ? limit : body;
        open.octets += stop - at + said[SAID.extra]!;
        open.headerOctets = open.octets;
        if (body !== 0) open.body = base + body;
        at = stop;
        continue;
      }
      const stop = this.#kernel.body(at, limit);
      if (open !== undefined) open.octets += stop - at + said[SAID.extra]!;
      at = stop;
      this.#counted = base + at;
      if (at === limit) break;
      if (!this.#isBehindText(at, base) && this.#tryStart(at, block)) {
        at = this.#counted - base;
        continue;
      }
      // The `F` of a line that starts no message.
      if (open !== undefined) open.octets++;
      said[SAID.onlyQuotes] = 0;
      at++;
    }
    this.#counted = base + at;
  }

  /** Whether the CR LF before `at` ends a line with something in it. */
  #isBehindText(at: number, base: number): boolean {
    const { bytes } = this.#kernel;
    return bytes[at - 2] === CR && bytes[at - 3] !== LF && base + at > CR_LF;
  }

  /** Starts a message at `at`, up to which all is counted, if its line has the form, ending the one before. */
  #tryStart(at: number, { base, end, final }: ScanBlock): boolean {
    const { bytes, said } = this.#kernel;
    if (at + FROM.length > end || bytes.compare(FROM, 0, FROM.length, at, at + FROM.length) !== 0)
      return false;
    const found = bytes.indexOf(LF, at);
    const whole = found >= 0 && found < end;
    if (!whole && !final) return false;
    const lineEnd = whole ? found : end;
    if (lineEnd - at > this.#fromLine || !endsInDate(bytes, at, lineEnd)) return false;
    this.#close(at, base);
    const next = Math.min(lineEnd + 1, end);
    this.#open = {
      start: base + at,
      head: base + next,
      body: undefined,
      octets: 0,
      headerOctets: 0,
      aside: 0,
    };
    said[SAID.onlyQuotes] = 1;
    said[SAID.marks] = this.#kernel.mayChange(next);
    this.#kernel.markBytes(at, next);
    this.#counted = base + next;
    return true;
  }

  /** Keeps what was counted of an open header, for its block goes. */
  #putAside(base: number): void {
    const open = this.#open;
    if (open === undefined) return;
    const from = open.start + open.aside;
    const to = Math.min(open.body ?? this.#counted, open.start + HEADER_WINDOW);
    if (from >= to) return;
    this.#aside ??= Buffer.allocUnsafeSlow(HEADER_WINDOW);
    open.aside += this.#kernel.bytes.copy(this.#aside, open.aside, from - base, to - base);
  }

  /** Ends the open message before the place `at`, up to which all is counted. */
  #close(at: number, base: number): void {
    const open = this.#open;
    if (open === undefined) return;
    const { bytes } = this.#kernel;
    const { start, head } = open;
    let end = base + at;
    let { octets, body } = open;
    if (end > head && bytes[at - 1] !== LF) octets += 2;
    if (end > head && bytes[at - 1] === LF && bytes[at - 2] === LF) {
      end--;
      octets -= 2;
    } else if (end > head + 1 && bytes[at - 1] === LF && bytes[at - 2] === CR && bytes[at - 3] === LF) {
      // The empty line of a file with CR LF line ends, its CR sent as it stands.
      end -= 2;
      octets -= 3;
    }
    // An empty line that only separates this message from the next ends no header.
    if (body === undefined || body > end) body = end;
    const identity = this.#identity(open, base, body === end ? 0 : octets - open.headerOctets);
    this.#spans.push({ start, head, body, end, octets, ...identity });
    this.#open = undefined;
  }

  /** The identity of the open message, all of which is counted. */
  #identity(open: OpenMessage, base: number, bodyOctets: number): HeaderIdentity {
    const { bytes, said } = this.#kernel;
    let head: Buffer;
    if (open.aside > 0) {
      this.#putAside(base);
      head = this.#aside!.subarray(0, open.aside);
    } else {
      const to = Math.min(open.body ?? this.#counted, open.start + HEADER_WINDOW);
      head = bytes.subarray(open.start - base, to - base);
    }
    if (this.#oldStyleIds) {
      const text = head.toString("latin1");
      return { ...headerIdentity(text, bodyOctets), oldStyleId: oldStyleId(text) };
    }
    if (said[SAID.marks] === 0) return plainIdentity(head, bodyOctets);
    return headerIdentity(head.toString("latin1"), bodyOctets);
  }
}
