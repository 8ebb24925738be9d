/**
 * Text on its way into a report: made safe for one line, encoded, dated.
 */
import type { SmtpReply } from "@mailhost/common/errors";

/** One line with no control characters, cut to `limit` characters: what came from a network must not start a header. */
export function oneLine(text: string, limit = 300): string {
  const clean = text.replace(/\p{Cc}+/gu, " ").trim();
  return clean.length <= limit ? clean : `${clean.slice(0, limit - 3)}...`;
}

/** A reply as one line: `550 5.1.1 User unknown`. */
export function replyLine(reply: SmtpReply): string {
  return oneLine([reply.code, reply.enhanced, reply.text].filter((t) => t !== "").join(" "));
}

/** `Tue, 24 Nov 2026 21:59:01 +0000` (RFC 5322 section 3.3). */
export function mailDate(ms: number): string {
  return new Date(ms).toUTCString().replace("GMT", "+0000");
}

/** True when all octets are ASCII. */
export function isAscii(bytes: Uint8Array): boolean {
  return bytes.every((octet) => octet < 0x80);
}

/** xtext (RFC 3461 section 4) decoded; as it came when decoding would give anything but printable ASCII. */
export function decodeXtext(text: string): string {
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return /^[\x20-\x7e]*$/.test(decoded) ? decoded : text;
}

/** Lines as quoted-printable (RFC 2045 section 6.7), CRLF after each. ASCII stays readable. */
export function quotedPrintable(lines: readonly string[]): string {
  return lines.map((line) => `${encodeLine(line)}\r\n`).join("");
}

function encodeLine(line: string): string {
  let out = "";
  let column = 0;
  const bytes = Buffer.from(line);
  for (const [i, octet] of bytes.entries()) {
    const last = i === bytes.length - 1;
    const plain = (octet > 0x20 && octet < 0x7f && octet !== 0x3d) || (octet === 0x20 && !last);
    const code = plain ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    if (column + code.length > 75) {
      out += "=\r\n";
      column = 0;
    }
    out += code;
    column += code.length;
  }
  return out;
}
