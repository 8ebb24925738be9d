/**
 * Text of a header in ASCII: encoded words (RFC 2047) and parameters in pieces (RFC 2231).
 */

/** Octets of text in one encoded word: 60 letters of base64, within the 75 that section 2 allows. */
const WORD_OCTETS = 45;

/** Text as encoded words, each on a line of its own; ASCII text stays what it is. */
export function encodedWords(text: string): string {
  if (isPrintable(text)) return text;
  const words: string[] = [];
  let word = "";
  for (const letter of text.replace(/\p{Cc}+/gu, " ")) {
    if (Buffer.byteLength(word) + Buffer.byteLength(letter) > WORD_OCTETS) {
      words.push(word);
      word = "";
    }
    word += letter;
  }
  words.push(word);
  return words.map((part) => `=?UTF-8?B?${Buffer.from(part).toString("base64")}?=`).join("\n ");
}

/** A name that is shown in front of an address: quoted, or as encoded words. */
export function encodedPhrase(name: string): string {
  if (!isPrintable(name)) return encodedWords(name);
  return /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]*$/.test(name) ? name : `"${name.replace(/["\\]/g, "\\$&")}"`;
}

/** `; name*=UTF-8''…` of RFC 2231 section 4. */
export function extendedParameter(name: string, value: string): string {
  const octets = [...Buffer.from(value)].map((octet) =>
    /[A-Za-z0-9._-]/.test(String.fromCharCode(octet))
      ? String.fromCharCode(octet)
      : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`,
  );
  return `${name}*=UTF-8''${octets.join("")}`;
}

function isPrintable(text: string): boolean {
  return /^[ -~]*$/.test(text);
}
