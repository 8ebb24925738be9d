/**
 * The fields of a message's header (RFC 5322 section 2.2), as bytes: nothing is decoded here, whatever the header holds.
 */

/** One field, parts of the header's memory. */
export interface HeaderField {
  /** In lower case; empty for a line that is no field. */
  readonly name: string;
  /** All of it with its continuation lines, the last line end left out. */
  readonly raw: Buffer;
  /** What stands behind the colon. */
  readonly value: Buffer;
}

const LF = 10;
const CR = 13;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
/** Longest name that is looked for, octets. */
const LONGEST_NAME = 998;

/** The fields of a header in their order, up to its empty line or its end. Lines may end in LF or CR LF. */
export function* headerFields(header: Buffer): Generator<HeaderField> {
  for (let at = 0; at < header.length; ) {
    const end = fieldEnd(header, at);
    const raw = header.subarray(at, withoutLineEnd(header, at, end));
    if (raw.length === 0) return;
    yield fieldOf(raw);
    at = end;
  }
}

/** The text of a field in one line, control characters and repeated white space made into spaces; at most `most` octets. */
export function unfolded({ value }: HeaderField, most: number): Buffer {
  const out = Buffer.allocUnsafe(Math.min(value.length, most));
  let to = 0;
  for (let at = 0; at < value.length && to < out.length; at++) {
    const byte = value[at]!;
    if (byte > SPACE && byte !== 127) out[to++] = byte;
    else if (to > 0 && out[to - 1] !== SPACE) out[to++] = SPACE;
  }
  if (to > 0 && out[to - 1] === SPACE) to--;
  return out.subarray(0, to);
}

/** Where the field that starts at `at` ends, its continuation lines and its last line end with it. */
function fieldEnd(header: Buffer, at: number): number {
  for (let end = at; ; ) {
    const found = header.indexOf(LF, end);
    end = found < 0 ? header.length : found + 1;
    const next = header[end];
    // The empty line of a header has no continuation.
    if ((next !== SPACE && next !== TAB) || withoutLineEnd(header, at, end) === at) return end;
  }
}

function withoutLineEnd(header: Buffer, start: number, end: number): number {
  if (end > start && header[end - 1] === LF) end--;
  if (end > start && header[end - 1] === CR) end--;
  return end;
}

function fieldOf(raw: Buffer): HeaderField {
  const colon = raw.indexOf(COLON);
  if (colon > 0 && colon <= LONGEST_NAME) {
    const name = /^([!-9;-~]+)[ \t]*$/.exec(raw.toString("latin1", 0, colon))?.[1];
    if (name !== undefined) return { name: name.toLowerCase(), raw, value: raw.subarray(colon + 1) };
  }
  return { name: "", raw, value: raw };
}
