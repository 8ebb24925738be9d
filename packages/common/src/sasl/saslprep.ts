/**
 * SASLprep (RFC 4013): names and passwords in Unicode come in one form, however a keyboard or a program wrote them.
 *
 * Names and passwords that a client sends are query strings (RFC 3454 section 7): characters of newer versions of Unicode
 * than 3.2 pass. Normalisation is that of the Unicode version at hand. The rule for text that runs both ways
 * (RFC 3454 section 6) is not applied: a mixed password is its owner's affair.
 */

/** ASCII but for control characters: prepared already, and nearly all there is. */
const PLAIN_ASCII = /^[ -~]*$/;

/** Spaces that are not ASCII's (RFC 3454 table C.1.2) become one. */
const SPACES = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;

/** Commonly mapped to nothing (table B.1). */
const NOTHING = /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu;

/**
 * Tables C.2 to C.9: control characters, private use, no characters, surrogates, what is no plain text, what changes the
 * display. U+FFFD is among them, which is also what octets that are no UTF-8 became.
 */
const PROHIBITED = new RegExp(
  [
    "[\\p{Cc}\\p{Co}\\p{Cs}\\p{Noncharacter_Code_Point}]",
    "[\\u06dd\\u070f\\u180e\\u2028\\u2029\\u2061-\\u2063\\u{1d173}-\\u{1d17a}]",
    "[\\ufff9-\\ufffd\\u2ff0-\\u2ffb]",
    "[\\u0340\\u0341\\u200e\\u200f\\u202a-\\u202e\\u206a-\\u206f]",
    "[\\u{e0001}\\u{e0020}-\\u{e007f}]",
  ].join("|"),
  "u",
);

/** The prepared form of a name or a password, or undefined where it has a character that none may have. */
export function saslPrep(text: string): string | undefined {
  if (PLAIN_ASCII.test(text)) return text;
  const prepared = text.replace(SPACES, " ").replace(NOTHING, "").normalize("NFKC");
  // U+0340 and U+0341 normalise to what is allowed: both forms are looked at.
  return PROHIBITED.test(text) || PROHIBITED.test(prepared) ? undefined : prepared;
}
