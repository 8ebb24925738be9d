/**
 * Watches the header of a message that streams by: counts what loops are known by, keeps what the log and the
 * `sendmail` command need, leaves fields out or adds missing ones at the header's end. Holds at most one line, cut at 8 KiB.
 *
 * Bytes go through unchanged otherwise. A message that begins with no header gets an empty line first, so that its body
 * stays its body under our trace header.
 */

/** What to do besides watching. */
export interface HeaderRules {
  /** Fields to leave out; names in lower case. */
  readonly drop?: ReadonlySet<string>;
  /** Fields whose text is kept in {@link HeaderSummary.values}, up to 64 KiB together; names in lower case. */
  readonly keep?: ReadonlySet<string>;
  /** Fields to add at the end of the header, each `Name: value\r\n`. */
  readonly missing?: (seen: HeaderSummary) => string;
}

/** What was seen of the header so far. */
export interface HeaderSummary {
  /** Received fields. */
  readonly hops: number;
  /** Names in lower case. */
  readonly names: ReadonlySet<string>;
  /** Raw text of the kept fields after the colon, in their order, folding kept. */
  readonly values: readonly { readonly name: string; readonly text: string }[];
  /** True when kept fields were longer than 64 KiB together; `values` is incomplete then. */
  readonly overflow: boolean;
}

const MAX_LINE = 8 * 1024;
const MAX_KEPT = 64 * 1024;
const MAX_NAMES = 1000;
const LF = 0x0a;
const CRLF = Buffer.from("\r\n");
const EMPTY = Buffer.alloc(0);

/** A field's name and the white space that old programs put before its colon (RFC 5322 section 4.5). */
const FIELD = /^([!-9;-~]+)[ \t]*:/;

/** The filter of one message; takes and gives CRLF lines. */
export class HeaderFilter {
  readonly #rules: HeaderRules;
  readonly #seen = {
    hops: 0,
    names: new Set<string>(),
    values: [] as { name: string; text: string }[],
    overflow: false,
  };
  #kept = 0;
  #line: Buffer = EMPTY;
  /** The line at hand was longer than MAX_LINE; its beginning has been dealt with. */
  #longLine = false;
  #first = true;
  #ended = false;
  #dropping = false;
  #keeping: { name: string; text: string } | undefined;

  constructor(rules: HeaderRules = {}) {
    this.#rules = rules;
  }

  get seen(): HeaderSummary {
    return this.#seen;
  }

  /** True once the header is over: what comes goes on as it is, and nothing of it is held. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Takes the next bytes and gives those that go on. */
  push(chunk: Buffer): Buffer[] {
    if (this.#ended) return [chunk];
    const out: Buffer[] = [];
    let at = 0;
    while (at < chunk.length && !this.#ended) {
      const lf = chunk.indexOf(LF, at);
      const end = lf < 0 ? chunk.length : lf + 1;
      this.#take(chunk.subarray(at, end), lf >= 0, out);
      at = end;
    }
    if (at < chunk.length) out.push(chunk.subarray(at));
    return joined(out);
  }

  /** Gives what is left when the message is over. */
  finish(): Buffer[] {
    if (this.#ended) return [];
    const out: Buffer[] = [];
    if (this.#line.length > 0) this.#wholeLine(this.#line, out);
    this.#line = EMPTY;
    if (this.#ended) return out;
    this.#end(out);
    if (this.#first) out.push(CRLF);
    return out;
  }

  #take(piece: Buffer, complete: boolean, out: Buffer[]): void {
    if (this.#longLine) {
      this.#pass(piece, out);
      this.#longLine = !complete;
      return;
    }
    const line = this.#line.length === 0 ? piece : Buffer.concat([this.#line, piece]);
    if (complete) {
      this.#line = EMPTY;
      this.#wholeLine(line, out);
    } else if (line.length > MAX_LINE) {
      this.#line = EMPTY;
      this.#longLine = true;
      this.#wholeLine(line, out);
    } else {
      this.#line = Buffer.from(line);
    }
  }

  #wholeLine(line: Buffer, out: Buffer[]): void {
    const text = line.toString("latin1");
    const first = this.#first;
    this.#first = false;
    if (text === "\r\n") {
      this.#end(out);
      out.push(line);
      return;
    }
    if (!first && /^[ \t]/.test(text)) {
      this.#pass(line, out);
      return;
    }
    const name = FIELD.exec(text)?.[1]?.toLowerCase();
    if (name === undefined) {
      this.#end(out);
      if (first) out.push(CRLF);
      out.push(line);
      return;
    }
    this.#startField(name, text);
    this.#pass(line, out, true);
  }

  #startField(name: string, text: string): void {
    if (name === "received") this.#seen.hops += 1;
    if (this.#seen.names.size < MAX_NAMES) this.#seen.names.add(name);
    this.#dropping = this.#rules.drop?.has(name) ?? false;
    this.#keeping = undefined;
    // Past the bound nothing is noted down: a header may be nothing but such fields.
    if (this.#rules.keep?.has(name) !== true || this.#seen.overflow) return;
    this.#keeping = { name, text: "" };
    this.#seen.values.push(this.#keeping);
    this.#keepText(text.slice(text.indexOf(":") + 1));
  }

  /** Lets a field's bytes through, unless it is dropped. */
  #pass(bytes: Buffer, out: Buffer[], isStart = false): void {
    if (!isStart) this.#keepText(bytes.toString("latin1"));
    if (!this.#dropping) out.push(bytes);
  }

  #keepText(text: string): void {
    if (this.#keeping === undefined) return;
    this.#kept += text.length;
    if (this.#kept > MAX_KEPT) this.#seen.overflow = true;
    else this.#keeping.text += text;
  }

  #end(out: Buffer[]): void {
    this.#ended = true;
    this.#keeping = undefined;
    const added = this.#rules.missing?.(this.#seen) ?? "";
    if (added !== "") out.push(Buffer.from(added));
  }
}

/** Pieces that lie side by side as one: in most messages all of a chunk goes on, and nothing of it is copied. */
function joined(pieces: Buffer[]): Buffer[] {
  const runs: Buffer[] = [];
  for (let i = 0; i < pieces.length; ) {
    const { buffer, byteOffset, length } = pieces[i]!;
    let octets = length;
    for (i += 1; i < pieces.length; i += 1) {
      const next = pieces[i]!;
      if (next.buffer !== buffer || next.byteOffset !== byteOffset + octets) break;
      octets += next.length;
    }
    runs.push(Buffer.from(buffer, byteOffset, octets));
  }
  return runs;
}

/** The first message id in a kept `Message-ID` field, brackets kept, or undefined. */
export function messageIdOf(seen: HeaderSummary): string | undefined {
  const text = seen.values.find((v) => v.name === "message-id")?.text;
  return text === undefined ? undefined : /<[^<>\s]{1,500}>/.exec(text)?.[0];
}
