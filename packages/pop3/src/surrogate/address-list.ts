/**
 * Addresses in a header field (RFC 5322 section 3.4, with RFC 6532's letters), as far as a surrogate needs them apart: what
 * is shown, and where mail goes. Whatever the field holds, it comes apart into something; nothing is refused.
 */

/** One member of a list of addresses. */
export interface ListedAddress {
  /** The name that is shown, quotes and escapes undone, comments in their parentheses; empty when there is none. */
  readonly name: string;
  /** The address, `local@domain`; undefined for the name of a group and other words without one. */
  readonly address?: string;
}

/** Letters of one member that are looked at; nothing that is longer is an address (RFC 5321 section 4.5.3.1). */
const LONGEST = 600;

/** Takes a list of addresses apart; groups become their members. */
export function listedAddresses(text: string): ListedAddress[] {
  return membersOf(text)
    .map((member) => memberOf(member.trim().slice(0, LONGEST)))
    .filter(({ name, address }) => name !== "" || address !== undefined);
}

/** Splits at commas, and at the `:` and `;` of groups, outside of quotes, comments and angle brackets. */
function membersOf(text: string): string[] {
  const members: string[] = [];
  let start = 0;
  let depth = 0;
  let closing = "";
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (letter === "\\") at++;
    else if (closing === '"' || closing === ">" || closing === "]") {
      if (letter === closing) closing = "";
    } else if (depth > 0) {
      if (letter === "(") depth++;
      else if (letter === ")") depth--;
    } else if (letter === "(") depth = 1;
    else if (letter === '"') closing = '"';
    else if (letter === "<") closing = ">";
    else if (letter === "[") closing = "]";
    else if (letter === "," || letter === ";" || letter === ":") {
      // The name of a group goes with its colon.
      if (letter !== ":") members.push(text.slice(start, at));
      start = at + 1;
    }
  }
  members.push(text.slice(start));
  return members;
}

function memberOf(member: string): ListedAddress {
  const bracket = /<([^<>]*)>/.exec(member);
  if (bracket !== null) {
    const name = shown(
      `${member.slice(0, bracket.index)} ${member.slice(bracket.index + bracket[0].length)}`,
    );
    const address = bracket[1]!.replace(/\s+/g, "");
    return address === "" ? { name: name === "" ? "<>" : name } : { name, address };
  }
  const comments = [...member.matchAll(/\(([^()]*)\)/g)].map((match) => match[1]!.trim());
  const bare = member.replace(/\([^()]*\)/g, " ").trim();
  if (/^\S+@\S+$/.test(bare)) return { name: comments.join(" "), address: bare };
  return { name: shown(member) };
}

/** Words as a reader sees them. */
function shown(words: string): string {
  return words
    .replace(/"((?:[^"\\]|\\.)*)"/gs, (_, quoted: string) => quoted.replace(/\\(.)/gs, "$1"))
    .replace(/\s+/g, " ")
    .trim();
}
