/**
 * Rewrites addresses in the header of a message that streams by. Fields without a changed address, the order and folding
 * of all fields, and the body stay byte for byte.
 *
 * Holds at most one field of {@link LONGEST_FIELD}; what is longer goes through as it is.
 */
import { replaceAddresses } from "./header-addresses.ts";

/** Octets of the longest field that is looked into. */
export const LONGEST_FIELD = 64 * 1024;

/** Fields that hold senders (Sendmail's H_FROM), lower case. */
export const SENDER_FIELDS: ReadonlySet<string> = new Set([
  "from",
  "sender",
  "reply-to",
  "errors-to",
  "return-receipt-to",
  "disposition-notification-to",
  "resent-from",
  "resent-sender",
  "resent-reply-to",
]);

/** Fields that hold recipients (H_RCPT), lower case. */
export const RECIPIENT_FIELDS: ReadonlySet<string> = new Set([
  "to",
  "cc",
  "bcc",
  "apparently-to",
  "resent-to",
  "resent-cc",
  "resent-bcc",
]);

/** Gives an address as it is to be; text in UTF-8. */
export type ReplaceAddress = (address: string, role: "sender" | "recipient") => string;

const LF = 0x0a;

/** The rewriter of one message. */
export class HeaderRewriter {
  readonly #replace: ReplaceAddress;
  /** Lines of the field at hand. */
  #field: Buffer[] = [];
  #length = 0;
  /** The unfinished line. */
  #rest: Buffer = Buffer.alloc(0);
  /** The field at hand is too long to be looked into: its lines go through. */
  #passing = false;
  #ended = false;
  #changed = false;

  constructor(replace: ReplaceAddress) {
    this.#replace = replace;
  }

  /** True once an address was changed. */
  get changed(): boolean {
    return this.#changed;
  }

  /** True when the header is over: from here on everything stays as it is. */
  get ended(): boolean {
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
      this.#piece(chunk.subarray(at, end), lf >= 0, out);
      at = end;
    }
    if (at < chunk.length) out.push(chunk.subarray(at));
    return out;
  }

  /** Gives what is left when the message is over. */
  finish(): Buffer[] {
    const out: Buffer[] = [];
    if (this.#ended) return out;
    if (this.#rest.length > 0) this.#line(this.#rest, out);
    this.#rest = Buffer.alloc(0);
    this.#endOfField(out);
    this.#ended = true;
    return out;
  }

  #piece(piece: Buffer, complete: boolean, out: Buffer[]): void {
    const line = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    if (complete) {
      this.#rest = Buffer.alloc(0);
      this.#line(line, out);
    } else if (line.length > LONGEST_FIELD) {
      // A line beyond the bound is let through in pieces; its field cannot be one of addresses.
      this.#rest = Buffer.alloc(0);
      if (!this.#passing) this.#flush(out);
      this.#passing = true;
      out.push(line);
    } else {
      this.#rest = Buffer.from(line);
    }
  }

  #line(line: Buffer, out: Buffer[]): void {
    const continues = line[0] === 0x20 || line[0] === 0x09;
    if (!continues || (this.#field.length === 0 && !this.#passing)) this.#endOfField(out);
    if (isEmptyLine(line)) {
      this.#ended = true;
      out.push(line);
      return;
    }
    if (this.#passing) {
      out.push(line);
      return;
    }
    this.#field.push(line);
    this.#length += line.length;
    if (this.#length > LONGEST_FIELD) {
      this.#flush(out);
      this.#passing = true;
    }
  }

  #endOfField(out: Buffer[]): void {
    this.#passing = false;
    if (this.#field.length === 0) return;
    const text = Buffer.concat(this.#field).toString("latin1");
    const changed = this.#rewritten(text);
    if (changed === undefined) {
      this.#flush(out);
      return;
    }
    this.#changed = true;
    this.#forget();
    out.push(Buffer.from(changed, "latin1"));
  }

  #rewritten(text: string): string | undefined {
    const match = /^([!-9;-~]+)[ \t]*:/.exec(text);
    if (match === null) return undefined;
    const name = match[1]!.toLowerCase();
    const role = SENDER_FIELDS.has(name) ? "sender" : RECIPIENT_FIELDS.has(name) ? "recipient" : undefined;
    if (role === undefined) return undefined;
    const value = text.slice(match[0].length);
    const replaced = replaceAddresses(value, (octets) => {
      const address = Buffer.from(octets, "latin1").toString("utf8");
      const wanted = this.#replace(address, role);
      return wanted === address ? octets : Buffer.from(wanted, "utf8").toString("latin1");
    });
    return replaced === value ? undefined : match[0] + replaced;
  }

  #flush(out: Buffer[]): void {
    out.push(...this.#field);
    this.#forget();
  }

  #forget(): void {
    this.#field = [];
    this.#length = 0;
  }
}

function isEmptyLine(line: Buffer): boolean {
  return (line.length === 1 && line[0] === LF) || (line.length === 2 && line[0] === 0x0d && line[1] === LF);
}
