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
  /** Accept, and hold the message in the queue. */
  | { readonly kind: "quarantine"; readonly reason: string }
  /** Refuse in the administrator's words. */
  | { readonly kind: "error"; readonly reply: SmtpReply };

/**
 * Reads a value: `OK`, `RELAY`, `REJECT`, `DISCARD`, `SKIP`, `QUARANTINE:reason`, `ERROR:5.7.1:550 text`, `ERROR:550 text`,
 * `550 text`, `550 5.7.1 text`. Anything else is the text of a refusal, as in Sendmail: a typing error never lets mail through.
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
  }
  const quarantine = /^QUARANTINE:\s*(.+)$/i.exec(text);
  if (quarantine !== null) return { kind: "quarantine", reason: unquoted(quarantine[1]!) };
  return { kind: "error", reply: readRefusal(text.replace(/^ERROR:/i, "")) };
}

/**
 * The reply that a text stands for, with Sendmail's rules for its `error` mailer: `5.7.1:550 text`, `550 text`,
 * `550 5.7.1 text`. A text that does not begin with a code is given `553 5.3.0`. A status in the text rules over one before it.
 */
export function readRefusal(given: string): SmtpReply {
  const text = unquoted(given);
  const [, status, rest = ""] = /^(?:([245]\.\d{1,3}\.\d{1,3}):)?\s*(.*)$/s.exec(text)!;
  const words = unquoted(rest);
  const withCode = /^([45]\d\d)[ -]\s*(?:([45]\.\d{1,3}\.\d{1,3})\s+)?(.+)$/s.exec(words);
  if (withCode === null)
    return { code: 553, enhanced: "5.3.0", text: words === "" ? "Access denied" : words };
  const [, code, inText, message] = withCode;
  return { code: Number(code), enhanced: inText ?? status ?? `${code![0]}.0.0`, text: message! };
}

function unquoted(text: string): string {
  return text
    .trim()
    .replace(/^"(.*)"$/s, "$1")
    .trim();
}
