/**
 * Status lines of the server (RFC 1939 section 3, response codes of RFC 2449 section 8 and RFC 3206).
 */

/** Machine-readable reasons of a refusal. */
export type ResponseCode = "IN-USE" | "AUTH" | "SYS/TEMP" | "SYS/PERM";

/** Octets of a status line, CR LF included (RFC 2449 section 4). */
const LONGEST_STATUS = 512;

/** `+OK text`, without the line end. */
export function ok(text: string): string {
  return statusLine(`+OK ${text}`);
}

/** `-ERR [CODE] text`, without the line end. */
export function err(text: string, code?: ResponseCode): string {
  return statusLine(code === undefined ? `-ERR ${text}` : `-ERR [${code}] ${text}`);
}

/** What a client typed comes back in some replies: no control character of it may, and no more than fits a line. */
function statusLine(text: string): string {
  const clean = text.replace(/\p{Cc}/gu, "?");
  if (Buffer.byteLength(clean) <= LONGEST_STATUS - 2) return clean;
  // A cut in the middle of a character leaves a replacement character of 3 octets.
  return Buffer.from(clean)
    .toString("utf8", 0, LONGEST_STATUS - 8)
    .replace(/\ufffd+$/, "");
}
