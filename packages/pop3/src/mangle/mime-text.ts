/**
 * Finds the text in a MIME message (RFC 2045, RFC 2046): what a reader without MIME can be shown of it.
 *
 * For messages out of anybody's hands: nothing here recurses deeper than {@link DEEPEST} or makes more of a message than it
 * is; what does not follow the RFCs is taken as it comes.
 */
import { headerFields } from "../protocol/header-fields.ts";
import { decodedText } from "./decoded-text.ts";

/** Parts within parts. */
const DEEPEST = 20;
/** Parts in all; those behind them are not looked at. */
const MOST_PARTS = 500;

/** A piece of what is shown. */
export type Shown =
  | { readonly kind: "plain" | "html"; readonly text: string }
  /** Something else: its name or type, and the octets that it takes in the message. */
  | { readonly kind: "left-out"; readonly name: string; readonly octets: number };

interface Part {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly encoding: string;
  readonly attached: boolean;
  readonly filename: string;
  readonly body: Buffer;
}

/** The text of a message, in its order, and what is left out. Of alternatives the wanted kind is taken, or the last before. */
export function shownOf(message: Buffer, wanted: "plain" | "html"): Shown[] {
  return shownOfPart(partOf(message), wanted, { depth: 0, left: { parts: MOST_PARTS } });
}

interface Place {
  readonly depth: number;
  readonly left: { parts: number };
}

function shownOfPart(part: Part, wanted: "plain" | "html", place: Place): Shown[] {
  const { type, attached, body, filename } = part;
  if (--place.left.parts < 0) return [];
  const deeper = { ...place, depth: place.depth + 1 };
  const boundary = part.parameters.get("boundary");
  if (type.startsWith("multipart/") && boundary !== undefined && boundary !== "" && deeper.depth <= DEEPEST) {
    const parts = bodyParts(body, boundary);
    if (type === "multipart/alternative") return shownOfAlternative(parts, wanted, deeper);
    return parts.flatMap((bytes) => shownOfPart(partOf(bytes), wanted, deeper));
  }
  if (type === "message/rfc822" && !attached && deeper.depth <= DEEPEST) {
    return shownOfPart(partOf(body), wanted, deeper);
  }
  if (!attached && (type === "text/plain" || type === "text/html" || type === "")) {
    const text = decodedText(body, part.encoding, part.parameters.get("charset") ?? "");
    return [{ kind: type === "text/html" ? "html" : "plain", text }];
  }
  return [{ kind: "left-out", name: filename === "" ? type : `${filename} (${type})`, octets: body.length }];
}

function shownOfAlternative(parts: readonly Buffer[], wanted: "plain" | "html", place: Place): Shown[] {
  let best: Shown[] = [];
  for (const bytes of parts) {
    const shown = shownOfPart(partOf(bytes), wanted, place);
    if (shown.some(({ kind }) => kind === wanted)) return shown;
    if (shown.some(({ kind }) => kind !== "left-out") || best.length === 0) best = shown;
  }
  return best;
}

/** Header and body of a part. */
function partOf(bytes: Buffer): Part {
  const end = headerEnd(bytes);
  let [contentType, disposition, encoding] = ["", "", ""];
  for (const { name, value } of headerFields(bytes.subarray(0, end))) {
    const text = () => value.toString("latin1").replace(/\s+/g, " ").trim().slice(0, 4096);
    if (name === "content-type" && contentType === "") contentType = text();
    else if (name === "content-disposition" && disposition === "") disposition = text();
    else if (name === "content-transfer-encoding") encoding = text().toLowerCase();
  }
  const parameters = parametersOf(contentType);
  const filename = parametersOf(disposition).get("filename") ?? parameters.get("name") ?? "";
  return {
    type: /^[^;\s]*/.exec(contentType)![0].toLowerCase(),
    parameters,
    encoding,
    attached: /^attachment\b/i.test(disposition),
    filename: filename.replace(/[^ -~]/g, "?").slice(0, 200),
    body: bytes.subarray(end),
  };
}

function headerEnd(bytes: Buffer): number {
  if (bytes[0] === 10) return 1;
  for (let at = 0; ; ) {
    const end = bytes.indexOf(10, at);
    if (end < 0) return bytes.length;
    if (bytes[end + 1] === 10) return end + 2;
    if (bytes[end + 1] === 13 && bytes[end + 2] === 10) return end + 3;
    at = end + 1;
  }
}

function parametersOf(value: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [, name, quoted, bare] of value.matchAll(/;\s*([\w*-]+)\s*=\s*(?:"([^"]*)"|([^;\s]*))/g)) {
    const key = name!.toLowerCase();
    if (!found.has(key)) found.set(key, quoted ?? bare ?? "");
  }
  return found;
}

/** The parts between the boundary's lines; a message that was cut short ends its last part. */
function bodyParts(body: Buffer, boundary: string): Buffer[] {
  const delimiter = Buffer.from(`--${boundary}`, "latin1");
  const parts: Buffer[] = [];
  let start = -1;
  for (let at = 0; at >= 0 && parts.length < MOST_PARTS; ) {
    const found = body.indexOf(delimiter, at);
    if (found < 0) break;
    const after = found + delimiter.length;
    const lineEnd = body.indexOf(10, after);
    const rest = body.toString("latin1", after, Math.min(lineEnd < 0 ? body.length : lineEnd, after + 80));
    const atLineStart = found === 0 || body[found - 1] === 10;
    if (!atLineStart || !/^(--)?\s*$/.test(rest)) {
      at = after;
      continue;
    }
    if (start >= 0) parts.push(body.subarray(start, Math.max(start, found - 1)));
    if (rest.startsWith("--") || lineEnd < 0) return parts;
    start = lineEnd + 1;
    at = start;
  }
  if (start >= 0) parts.push(body.subarray(start));
  return parts;
}
