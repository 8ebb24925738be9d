/**
 * The scanner's state from block to block: which message is open, where its header ended, what has been counted.
 *
 * Starts of messages, ends of headers and quoted lines are found by native searches; what lies between is only counted.
 */
import { endsInDate } from "./from-line.ts";
import { HEADER_WINDOW, headerIdentity } from "./header-digest.ts";
import type { CountedBuffer } from "./newline-count.ts";
import { countNewlines } from "./newline-count.ts";
import type { MessageSpan } from "./scan.ts";

/** A stretch of the file in memory. */
export interface ScanBlock extends CountedBuffer {
  /** Where in the buffer it starts and ends. */
  readonly start: number;
  readonly end: number;
  /** Offset in the file of the buffer's first byte. */
  readonly base: number;
  /** Nothing comes behind it. */
  readonly final: boolean;
}

/** Bytes before a place that tell whether a message can start there; each block brings them again. */
export const BEFORE = 2;

const LF = 10;
const GREATER = 62;
const EMPTY_LINE = Buffer.from("\n\n");
const FROM = Buffer.from("From ");
const START = Buffer.concat([EMPTY_LINE, FROM]);
const QUOTED = Buffer.from(">From ");

/** A message whose end has not been found. */
interface OpenMessage {
  readonly start: number;
  readonly head: number;
  /** Offset in the file; undefined while the header goes on. */
  body: number | undefined;
  /** Counted so far, as POP3 sends it. */
  octets: number;
  /** Of these, the header's. */
  headerOctets: number;
  /** The `From ` line and header, as far as the window goes. */
  header: string;
}

/** Finds messages in blocks that follow each other. */
export class MessageFinder {
  readonly #from: number;
  readonly #atStart: boolean;
  readonly #fromLine: number;
  /** Offset in the file up to which all is counted. */
  #counted: number;
  #begun = false;
  #open: OpenMessage | undefined;
  #spans: MessageSpan[] = [];
  /** Whether what has been counted of the line at `#counted` is nothing but `>`. */
  #onlyQuotes = false;
  /** Index in the block of the next `>From `, once it has been searched for. */
  #quoted = -1;

  constructor(from: number, atStart: boolean, fromLine: number) {
    this.#from = from;
    this.#counted = from;
    this.#atStart = atStart;
    this.#fromLine = fromLine;
  }

  /** The messages that have ended since the last call. */
  found(): MessageSpan[] {
    const spans = this.#spans;
    this.#spans = [];
    return spans;
  }

  /** Bytes at the end of a block that can not be judged before the next. */
  get lookahead(): number {
    return Math.max(this.#fromLine, QUOTED.length) + 1;
  }

  /**
   * Looks through a block.
   *
   * @returns the index in the buffer from which on the next block must bring everything again
   */
  take(block: ScanBlock): number {
    const { start, end, base, final } = block;
    const bytes = block.bytes.subarray(0, end);
    const limit = final ? end : Math.max(start, end - this.lookahead);
    this.#quoted = -1;
    if (!this.#begun && (limit > this.#counted - base || final)) {
      this.#begun = true;
      this.#tryFirst(bytes, block);
    }
    let search = Math.max(start, this.#counted - base - BEFORE);
    while (search < limit) {
      const hit = bytes.indexOf(START, search);
      const at = hit + BEFORE;
      if (hit < 0 || at >= limit) break;
      search = hit + 1;
      if (at >= this.#counted - base && this.#tryStart(bytes, at, base, final, block)) {
        search = this.#counted - base - BEFORE;
      }
    }
    this.#count(bytes, block, limit);
    if (final) this.#close(bytes, end, base);
    return Math.max(start, Math.min(limit, this.#counted - base) - BEFORE);
  }

  /** A message may start where the scan does, and behind an empty first line of the file. */
  #tryFirst(bytes: Buffer, block: ScanBlock): void {
    const { base, final, start } = block;
    if (this.#atStart) this.#tryStart(bytes, this.#from - base, base, final, block);
    const second = 1 - base;
    if (base + start === 0 && this.#from <= 1 && bytes[start] === LF && bytes.length > second) {
      this.#tryStart(bytes, second, base, final, block);
    }
  }

  /** Starts a message at `at` if its line has the form, ending the one before. */
  #tryStart(bytes: Buffer, at: number, base: number, final: boolean, block: ScanBlock): boolean {
    if (!bytes.subarray(at, at + FROM.length).equals(FROM)) return false;
    const found = bytes.indexOf(LF, at);
    if (found < 0 && !final) return false;
    const lineEnd = found < 0 ? bytes.length : found;
    if (lineEnd - at > this.#fromLine || !endsInDate(bytes.subarray(at, lineEnd))) return false;
    this.#count(bytes, block, at);
    this.#close(bytes, at, base);
    const next = Math.min(lineEnd + 1, bytes.length);
    this.#open = {
      start: base + at,
      head: base + next,
      body: undefined,
      octets: 0,
      headerOctets: 0,
      header: bytes.toString("latin1", at, next),
    };
    this.#counted = base + next;
    this.#onlyQuotes = true;
    return true;
  }

  /** Counts up to the index `to`, noticing the header's end. */
  #count(bytes: Buffer, block: ScanBlock, to: number): void {
    const { base } = block;
    const at = this.#counted - base;
    if (to <= at) return;
    this.#counted = base + to;
    const open = this.#open;
    if (open === undefined) return;
    if (open.body !== undefined) {
      open.octets += this.#octets(bytes, block, at, to);
      return;
    }
    const empty = bytes.indexOf(EMPTY_LINE, Math.max(block.start, at - 1));
    const ended = empty >= 0 && empty + BEFORE <= to;
    const headerEnd = ended ? empty + BEFORE : to;
    const room = Math.max(0, HEADER_WINDOW - open.header.length);
    open.header += bytes.toString("latin1", at, Math.min(headerEnd, at + room));
    open.octets += this.#octets(bytes, block, at, headerEnd);
    open.headerOctets = open.octets;
    if (!ended) return;
    open.body = base + headerEnd;
    open.octets += this.#octets(bytes, block, headerEnd, to);
  }

  /** Octets of `[at, to)` as POP3 sends them. */
  #octets(bytes: Buffer, block: ScanBlock, at: number, to: number): number {
    let octets = to - at + countNewlines(block, at, to);
    for (;;) {
      if (this.#quoted < at) {
        const hit = bytes.indexOf(QUOTED, at);
        this.#quoted = hit < 0 ? Number.POSITIVE_INFINITY : hit;
      }
      if (this.#quoted >= to) break;
      if (this.#isOnlyQuotes(bytes, at, this.#quoted)) octets--;
      const hit = bytes.indexOf(QUOTED, this.#quoted + 1);
      this.#quoted = hit < 0 ? Number.POSITIVE_INFINITY : hit;
    }
    this.#onlyQuotes = this.#isOnlyQuotes(bytes, at, to);
    return octets;
  }

  /** Whether the line that `to` is in has nothing but `>` before `to`; what stands before `from` is known already. */
  #isOnlyQuotes(bytes: Buffer, from: number, to: number): boolean {
    let at = to;
    while (at > from && bytes[at - 1] === GREATER) at--;
    return at > from ? bytes[at - 1] === LF : this.#onlyQuotes;
  }

  /** Ends the open message before the index `at`. */
  #close(bytes: Buffer, at: number, base: number): void {
    const open = this.#open;
    if (open === undefined) return;
    this.#open = undefined;
    const { start, head } = open;
    let end = base + at;
    let { octets, body } = open;
    if (end > head && bytes[at - 1] !== LF) octets += 2;
    if (end > head && bytes[at - 1] === LF && bytes[at - 2] === LF) {
      end--;
      octets -= 2;
    }
    // An empty line that only separates this message from the next ends no header.
    if (body === undefined || body > end) body = end;
    const bodyOctets = body === end ? 0 : octets - open.headerOctets;
    this.#spans.push({ start, head, body, end, octets, ...headerIdentity(open.header, bodyOctets) });
  }
}
