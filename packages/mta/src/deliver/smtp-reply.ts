/**
 * Replies of an SMTP server, taken out of a stream of bytes (RFC 5321 section 4.2).
 *
 * The parser takes any cut of the stream, keeps at most one reply's lines in memory, and never throws: bytes that are no
 * reply are a fault, after which it takes nothing more.
 */
import type { SmtpReply } from "@mailhost/common/errors";

/** A reply as it came, perhaps of several lines. */
export interface ServerReply {
  /** 200 to 599. */
  readonly code: number;
  /** The texts after the code, one a line. */
  readonly lines: readonly string[];
}

/** What a chunk completed. A fault says in words what was wrong with the bytes after the replies. */
export interface ParsedReplies {
  readonly replies: readonly ServerReply[];
  readonly fault?: string;
}

/** Longest line taken: RFC 5321 section 4.5.3.1.5 says 512; some servers' help texts go beyond. */
const LONGEST_LINE = 4096;
/** Most lines of one reply; an EHLO answer has a dozen or two. */
const MOST_LINES = 128;
/** Longest text of a reply that is kept for log and report. */
const LONGEST_TEXT = 512;

const CR = 0x0d;
const LF = 0x0a;
const NOTHING: Buffer = Buffer.alloc(0);
/** An enhanced status code (RFC 3463) and the space behind it. */
const STATUS = /^([2-5])\.\d{1,3}\.\d{1,3}(?:\s+|$)/;

/** Takes replies out of a stream. */
export class ReplyParser {
  #rest = NOTHING;
  #lines: string[] = [];
  #fault: string | undefined;

  /** Takes the next bytes, cut anywhere. */
  push(chunk: Buffer): ParsedReplies {
    const replies: ServerReply[] = [];
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (this.#fault === undefined) {
      const end = bytes.indexOf(LF, at);
      if ((end < 0 ? bytes.length : end) - at > LONGEST_LINE) {
        this.#fault = `a line of over ${LONGEST_LINE} octets`;
      } else if (end < 0) {
        break;
      } else {
        const reply = this.#line(
          bytes.toString("utf8", at, end > at && bytes[end - 1] === CR ? end - 1 : end),
        );
        at = end + 1;
        if (reply !== undefined) replies.push(reply);
      }
    }
    // A copy: the rest must not keep a large chunk alive.
    const rest = this.#fault === undefined && at < bytes.length;
    this.#rest = rest ? Buffer.from(bytes.subarray(at)) : NOTHING;
    return this.#fault === undefined ? { replies } : { replies, fault: this.#fault };
  }

  #line(text: string): ServerReply | undefined {
    const match = /^([2-5]\d\d)(?:([ -])(.*))?$/s.exec(text);
    if (match === null) {
      this.#fault = `not an SMTP reply: ${printable(text).slice(0, 80)}`;
      return undefined;
    }
    this.#lines.push(match[3] ?? "");
    if (match[2] === "-") {
      if (this.#lines.length >= MOST_LINES) this.#fault = `a reply of over ${MOST_LINES} lines`;
      return undefined;
    }
    const lines = this.#lines;
    this.#lines = [];
    return { code: Number(match[1]), lines };
  }
}

/** A reply in the form in which it is kept: one line, codes apart, no control characters. */
export function smtpReply(reply: ServerReply): SmtpReply {
  const enhanced = statusOf(reply, reply.lines[0] ?? "").trimEnd();
  const text = reply.lines
    .map((line) => line.slice(statusOf(reply, line).length).trim())
    .filter((line) => line !== "")
    .join(" ");
  return { code: reply.code, enhanced, text: printable(text).slice(0, LONGEST_TEXT) };
}

/** The enhanced status at the start of a line, the space behind it included; empty when there is none of the reply's class. */
function statusOf({ code }: ServerReply, line: string): string {
  const found = STATUS.exec(line);
  return found !== null && Number(found[1]) === Math.floor(code / 100) ? found[0] : "";
}

/** The lines of a reply as they came, for the transcript of a report: `<<< 550-first`, `<<< 550 last`. */
export function transcriptOf(reply: ServerReply): string[] {
  const last = reply.lines.length - 1;
  return reply.lines
    .slice(0, 10)
    .map((line, i) => `<<< ${reply.code}${i < last ? "-" : " "}${printable(line).slice(0, LONGEST_TEXT)}`);
}

function printable(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}
