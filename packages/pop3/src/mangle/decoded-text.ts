/**
 * A part's bytes as text: its transfer encoding (RFC 2045 section 6) and its character set undone. Text that says a set
 * that nobody knows, or none, is read as UTF-8 where that fits, else as Latin-1.
 */
import { isUtf8 } from "node:buffer";

/** Undoes both; line ends become LF. */
export function decodedText(bytes: Buffer, encoding: string, charset: string): string {
  return inCharset(undone(bytes, encoding), charset).replace(/\r\n?/g, "\n").replaceAll("\0", " ");
}

function undone(bytes: Buffer, encoding: string): Buffer {
  if (encoding === "base64") return Buffer.from(bytes.toString("latin1"), "base64");
  if (encoding === "quoted-printable") return fromQuotedPrintable(bytes);
  return bytes;
}

const EQUALS = 61;
const CR = 13;
const LF = 10;

/** `=` with two hexadecimal digits is an octet, with a line end it is nothing; any other is itself. */
function fromQuotedPrintable(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let to = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte !== EQUALS) {
      out[to++] = byte;
      continue;
    }
    const [next, after] = [bytes[at + 1], bytes[at + 2]];
    const [high, low] = [hexDigit(next), hexDigit(after)];
    if (high >= 0 && low >= 0) {
      out[to++] = high * 16 + low;
      at += 2;
    } else if (next === LF) at += 1;
    else if (next === CR && after === LF) at += 2;
    else out[to++] = byte;
  }
  return out.subarray(0, to);
}

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

function inCharset(bytes: Buffer, charset: string): string {
  const name = charset.toLowerCase();
  if (name !== "" && name !== "us-ascii") {
    try {
      return new TextDecoder(name).decode(bytes);
    } catch {
      // No such character set here: the bytes say what they can.
    }
  }
  return bytes.toString(isUtf8(bytes) ? "utf8" : "latin1");
}
