/**
 * What a client asks for with MANGLE behind RETR, TOP and LIST (Qpopper's X-MANGLE; draft-gellens-pop-mangle):
 * `MANGLE`, or `MANGLE(TEXT=HTML;HEADERS=FROM:,SUBJECT:)` without spaces, in any case, with or without `X-` in front.
 */

/** How a message is to be made simple. */
export interface MangleOrder {
  /** The kind of text that it becomes. */
  readonly text: "plain" | "html";
  /** The only fields that are sent, names in lower case; undefined: all that still say the truth. */
  readonly headers?: ReadonlySet<string>;
}

/** What a login as NAME-no-mime asks for. */
export const NO_MIME: MangleOrder = { text: "plain" };

/** Fields in a list; a longer one is no list that a command line could hold. */
const MOST_FIELDS = 100;

/** Whether a word begins like one of these orders. */
export function isMangleWord(word: string): boolean {
  return /^(x-)?mangle(\(|$)/i.test(word);
}

/** Reads an order; undefined where it does not follow the syntax. Unknown parameters are passed over, as clients may be newer. */
export function parseMangleOrder(word: string): MangleOrder | undefined {
  const match = /^(?:x-)?mangle(?:\((.*)\))?$/i.exec(word);
  if (match === null) return undefined;
  let text: MangleOrder["text"] = "plain";
  let headers: ReadonlySet<string> | undefined;
  for (const parameter of (match[1] ?? "").split(";")) {
    if (parameter === "") continue;
    const equals = parameter.indexOf("=");
    if (equals < 1) return undefined;
    const name = parameter.slice(0, equals).toLowerCase();
    const value = parameter.slice(equals + 1);
    if (name === "text") {
      const kind = textKind(value);
      if (kind === undefined) return undefined;
      text = kind;
    } else if (name === "headers") {
      headers = fieldNames(value);
      if (headers === undefined) return undefined;
    }
  }
  return { text, ...(headers === undefined ? {} : { headers }) };
}

/** Qpopper's other kinds of text are plain text for programs that do not know them (RFC 1896, RFC 3676). */
function textKind(value: string): MangleOrder["text"] | undefined {
  const kind = value.toLowerCase();
  if (kind === "html") return "html";
  return kind === "plain" || kind === "flowed" || kind === "enriched" ? "plain" : undefined;
}

function fieldNames(value: string): ReadonlySet<string> | undefined {
  const names = value
    .replace(/^\((.*)\)$/, "$1")
    .split(",")
    .map((name) => name.replace(/:$/, "").toLowerCase());
  return names.length <= MOST_FIELDS && names.every((name) => /^[!-9;-~]+$/.test(name))
    ? new Set(names)
    : undefined;
}
