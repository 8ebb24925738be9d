/**
 * Messages that are known again wherever they turn up: each has a mark of its own and a sum of its body.
 */
import { createHash } from "node:crypto";
import type { Random } from "../corpus/random.ts";

/**
 * A message for DATA, CRLF line ends.
 *
 * @param more lines at its end
 */
export function markedMessage(mark: string, random: Random, more = ""): string {
  const body = bodyOf(mark, random) + more;
  return `From: sender@example.net\r\nSubject: load\r\nX-Mark: ${mark}\r\nX-Sum: ${sumOf(body)}\r\n\r\n${body}`;
}

/** One in fifty is over 64 KiB, which the queue keeps in a file; the others have up to 4 KiB. */
function bodyOf(mark: string, random: Random): string {
  const lines = random.chance(0.02) ? random.integer(950, 2500) : random.integer(2, 60);
  const first = `.${mark}\r\nFrom the start\r\n`;
  let body = first;
  for (let n = 0; n < lines; n++)
    body += `${mark} line ${n} of a body that is some seventy letters wide or less\r\n`;
  return body;
}

function sumOf(body: string): string {
  return createHash("sha1").update(body.replaceAll("\r\n", "\n"), "latin1").digest("base64url");
}

/** The mark of a message or of a report about it; undefined when there is none. */
export function markIn(message: Buffer): string | undefined {
  return /^X-Mark: (\S+)\r?$/m.exec(message.toString("latin1"))?.[1];
}

/** Whether the message is as it was sent, byte for byte. */
export function isWhole(message: Buffer): boolean {
  const text = message.toString("latin1").replaceAll("\r\n", "\n");
  const sum = /^X-Sum: (\S+)$/m.exec(text)?.[1];
  const end = text.indexOf("\n\n");
  return end >= 0 && sum === sumOf(text.slice(end + 2));
}
