/**
 * The scanner's state from block to block: which message is open, where its header ended, what has been counted.
 *
 * Bytes are gone through by the kernel; here is what happens once or twice a message.
 */
import type { FoundMessages } from "./found-messages.ts";
import { endsInDate } from "./from-line.ts";
import { HEADER_WINDOW, headerIdentity, oldStyleId, plainDigest } from "./header-digest.ts";
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
const SHORTEST_LOOKAHEAD = 16;

/** Bytes at the end of a block that cannot be judged before the next: a `From ` line, and the field behind it. */
export function lookaheadFor(fromLine: number): number {
  return fromLine + 1 + SHORTEST_LOOKAHEAD;
}

const LF = 10;
const CR = 13;
const CR_LF = 2;
/** `From `. */
const [F, R, O, M, SPACE] = [0x46, 0x72, 0x6f, 0x6d, 0x20];
const FROM_LENGTH = 5;

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
  readonly #found: FoundMessages;
  /** The `From ` line and header of the open message, as far as they were put aside. */
  #aside: Buffer | undefined;

  /** @param found where the messages go */
  constructor(kernel: ScanKernel, found: FoundMessages, options: FinderOptions) {
    const { from, atStart, lookahead, fromLine, oldStyleIds } = options;
    this.#kernel = kernel;
    this.#found = found;
    this.#lookahead = lookahead;
    this.#from = from;
    this.#counted = from;
    this.#atStart = atStart;
    this.#fromLine = fromLine;
    this.#oldStyleIds = oldStyleIds;
  }

  /** Where the message starts whose end has not been found; undefined when there is none. */
  get openAt(): number | undefined {
    return this.#open?.start;
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
    else if (this.#open !== undefined) this.#putAside(this.#open, base);
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
    if (at + FROM_LENGTH > end || !isFrom(bytes, at)) return false;
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
  #putAside(open: OpenMessage, base: number): void {
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
    // A file that was cut within CR LF gets its LF.
    if (end > head && bytes[at - 1] !== LF) octets += bytes[at - 1] === CR ? 1 : 2;
    if (end > head && bytes[at - 1] === LF && bytes[at - 2] === LF) {
      end--;
      octets -= 2;
    } else if (end > head + 1 && bytes[at - 1] === LF && bytes[at - 2] === CR && bytes[at - 3] === LF) {
      // The empty line of a file with CR LF line ends.
      end -= 2;
      octets -= 2;
    }
    // An empty line that only separates this message from the next ends no header.
    if (body === undefined || body > end) body = end;
    this.#open = undefined;
    const found = this.#found;
    const i = found.next();
    found.start[i] = start;
    found.head[i] = head;
    found.body[i] = body;
    found.end[i] = end;
    found.octets[i] = octets;
    this.#identify(i, open, { base, bodyOctets: body === end ? 0 : octets - open.headerOctets });
  }

  /** Works out the identity of the open message, all of which is counted. */
  #identify(
    i: number,
    open: OpenMessage,
    { base, bodyOctets }: { readonly base: number; readonly bodyOctets: number },
  ): void {
    const { bytes, said } = this.#kernel;
    const to = Math.min(open.body ?? this.#counted, open.start + HEADER_WINDOW);
    let place = { bytes, from: open.start - base, to: to - base };
    if (open.aside > 0) {
      this.#putAside(open, base);
      place = { bytes: this.#aside!, from: 0, to: open.aside };
    }
    if (said[SAID.marks] === 0 && !this.#oldStyleIds) {
      this.#found.setDigest(i, plainDigest(place, bodyOctets));
      return;
    }
    const text = place.bytes.toString("latin1", place.from, place.to);
    const identity = headerIdentity(text, bodyOctets);
    this.#found.identify(i, this.#oldStyleIds ? { ...identity, oldStyleId: oldStyleId(text) } : identity);
  }
}

function isFrom(bytes: Buffer, at: number): boolean {
  if (bytes[at] !== F || bytes[at + 1] !== R || bytes[at + 2] !== O) return false;
  return bytes[at + 3] === M && bytes[at + 4] === SPACE;
}
