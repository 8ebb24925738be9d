/**
 * The filter that finds an entry by a name that somebody typed (RFC 4515).
 */

/** What is a name in the setting. */
const NAME = "{user}";

/** The filter for a name; no character of the name has a meaning in it. */
export function filterFor(setting: string, name: string): string {
  return setting.replaceAll(NAME, () => escaped(name));
}

/** What is wrong with the setting, or nothing. */
export function filterFault(setting: string): string | undefined {
  if (!setting.includes(NAME)) return `has no ${NAME}: every name would be everybody`;
  return /^\(.*\)$/s.test(setting) ? undefined : "stands in round brackets, such as (uid={user})";
}

/** RFC 4515 section 3; further characters may be written so, and control characters are. */
function escaped(name: string): string {
  return name.replace(/[\\*()\p{Cc}]/gu, (character) =>
    [...Buffer.from(character)].map((octet) => `\\${octet.toString(16).padStart(2, "0")}`).join(""),
  );
}
