/**
 * A message made simple, as Qpopper's X-MANGLE does it: one part of text, what else it had named in a line each. The fields
 * of its header stay as they are, but for those that described its parts.
 */
import { headerFields } from "../protocol/header-fields.ts";
import { htmlToText, textToHtml } from "./html-text.ts";
import type { MangleOrder } from "./mangle-order.ts";
import { type Shown, shownOf } from "./mime-text.ts";

/** Octets of the largest message that is mangled; a larger one goes out as it is, since nobody else is served meanwhile. */
export const MOST_MANGLED = 1024 * 1024;

/** Makes a message of an mbox simple; line ends LF, lines that begin with `From ` quoted again as there. */
export function mangledMessage(
  message: Buffer,
  bodyAt: number,
  { text, headers }: MangleOrder,
): { readonly bytes: Buffer; readonly bodyAt: number } {
  const body = quoted(bodyText(shownOf(unquoted(message), text), text));
  const ascii = !/[^\0-\x7f]/.test(body);
  const lines: Buffer[] = [];
  for (const { name, raw } of headerFields(message.subarray(0, bodyAt))) {
    if (name === "" || name === "mime-version" || name.startsWith("content-")) continue;
    if (headers === undefined || headers.has(name)) lines.push(raw, Buffer.from("\n"));
  }
  if (text === "html" || !ascii) {
    const encoding = ascii ? "7bit" : "8bit";
    lines.push(
      Buffer.from(
        `MIME-Version: 1.0\nContent-Type: text/${text}; charset=UTF-8\nContent-Transfer-Encoding: ${encoding}\n`,
      ),
    );
  }
  lines.push(Buffer.from("\n"));
  const header = Buffer.concat(lines);
  return { bytes: Buffer.concat([header, Buffer.from(body)]), bodyAt: header.length };
}

function bodyText(shown: readonly Shown[], kind: "plain" | "html"): string {
  const pieces = shown.map((piece) => {
    if (piece.kind === "left-out") {
      const line = `[${piece.name} left out: ${piece.octets} octets]`;
      return kind === "html" ? textToHtml(line) : line;
    }
    if (piece.kind === kind) return piece.text;
    return kind === "html" ? textToHtml(piece.text) : htmlToText(piece.text);
  });
  return pieces.map((piece) => (piece.endsWith("\n") ? piece : `${piece}\n`)).join("\n");
}

function unquoted(message: Buffer): Buffer {
  if (!message.includes("\n>")) return message;
  const text = message.toString("latin1").replace(/\n>(>*From )/g, "\n$1");
  return Buffer.from(text, "latin1");
}

/** As in an mbox, whose quoting is undone on the way to the client. */
function quoted(text: string): string {
  return text.replace(/^(>*From )/gm, ">$1");
}
