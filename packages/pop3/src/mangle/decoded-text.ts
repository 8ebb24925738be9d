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

function fromQuotedPrintable(bytes: Buffer): Buffer {
  const text = bytes
    .toString("latin1")
    .replace(/=\r?\n/g, "")
    .replace(/=([0-9A-Fa-f]{2})/g, (_, octet: string) => String.fromCharCode(Number.parseInt(octet, 16)));
  return Buffer.from(text, "latin1");
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
