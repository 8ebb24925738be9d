/**
 * The right-hand side of an entry in the access table (SENDMAIL access map): what it asks for.
 */
import type { SmtpReply } from "@mailhost/common/errors";

/** What an entry asks for. */
export type AccessValue =
  /** Accept for our own recipients; never a permission to relay. */
  | { readonly kind: "ok" }
  /** As ok, and relay. */
  | { readonly kind: "relay" }
  /** Refuse, in the words of the stage that looked. */
  | { readonly kind: "reject" }
  /** Accept, and drop the whole message. */
  | { readonly kind: "discard" }
  /** End this search as if nothing had been found. */
  | { readonly kind: "skip" }
  /** Refuse in the administrator's words. */
  | { readonly kind: "error"; readonly reply: SmtpReply };

/**
 * Reads a value: `OK`, `RELAY`, `REJECT`, `DISCARD`, `SKIP`, `ERROR:5.7.1:550 text`, `ERROR:550 text`, `550 text`,
 * `550 5.7.1 text`. Anything else is the text of a refusal, as in Sendmail: a typing error never lets mail through.
 */
export function readAccessValue(value: string): AccessValue {
  const text = value.trim();
  switch (text.toUpperCase()) {
    case "OK":
      return { kind: "ok" };
    case "RELAY":
      return { kind: "relay" };
    case "REJECT":
      return { kind: "reject" };
    case "DISCARD":
      return { kind: "discard" };
    case "SKIP":
      return { kind: "skip" };
    default:
      return { kind: "error", reply: errorReply(text) };
  }
}

/** The reply of an `ERROR:` value, or of the old form without that word. */
function errorReply(value: string): SmtpReply {
  const inner = value.replace(/^ERROR:/i, "").trim();
  const text = inner.replace(/^"(.*)"$/, "$1");
  const withCode =
    /^(?:([245]\.\d{1,3}\.\d{1,3}):)?\s*"?([45]\d\d)[ -]?(?:([45]\.\d{1,3}\.\d{1,3})\s+)?(.*?)"?$/.exec(text);
  if (withCode !== null) {
    const [, before, code, after, words] = withCode;
    const enhanced = before ?? after ?? `${code![0]}.0.0`;
    return { code: Number(code), enhanced, text: words === "" ? "Access denied" : words! };
  }
  const withStatus = /^([45]\.\d{1,3}\.\d{1,3}):\s*(.*)$/.exec(text);
  if (withStatus !== null) {
    const [, enhanced, words] = withStatus;
    return {
      code: enhanced!.startsWith("4") ? 450 : 550,
      enhanced: enhanced!,
      text: words === "" ? "Access denied" : words!,
    };
  }
  return { code: 550, enhanced: "5.7.1", text: text === "" ? "Access denied" : text };
}
