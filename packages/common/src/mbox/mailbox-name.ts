/**
 * Names of mailboxes: `alice`, and `alice@a.example` of a domain that has users of its own.
 *
 * A name becomes file names in several folders, so one that could lead out of them, or be taken for a lock, is refused before
 * any path is made of it. Names are in lower case.
 */

/** The longest name: with `.lock` behind it, it must still fit a directory entry of 255 bytes. */
const LONGEST_NAME = 250;
/** RFC 1035 section 2.3.4, as text without the last dot. */
const LONGEST_DOMAIN = 253;

/** A name in its two parts. */
export interface MailboxNameParts {
  /** The file's name. */
  readonly user: string;
  /** The folder's name; empty for a mailbox of the host itself. */
  readonly domain: string;
}

/**
 * Takes a name apart. What stands behind the last `@` counts as a domain only where it is one, with a dot in it, in letters,
 * digits and hyphens (IDN as A-labels): anything else is part of a plain name.
 */
export function splitMailboxName(name: string): MailboxNameParts {
  const at = name.lastIndexOf("@");
  const domain = name.slice(at + 1);
  return at > 0 && isMailDomain(domain) ? { user: name.slice(0, at), domain } : { user: name, domain: "" };
}

/** The name of a mailbox by its two parts. */
export function joinMailboxName({ user, domain }: MailboxNameParts): string {
  return domain === "" ? user : `${user}@${domain}`;
}

/** Whether a domain can have mailboxes of its own: at least two labels (RFC 1123 section 2.1), none that is a lock's name. */
export function isMailDomain(domain: string): boolean {
  return (
    domain.length <= LONGEST_DOMAIN &&
    /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(domain) &&
    /[a-z][^.]*$/.test(domain) &&
    !domain.endsWith(".lock")
  );
}

/** Why a name can not be a mailbox's, or undefined when it can. */
export function mailboxNameFault(name: string): string | undefined {
  if (name === "") return "an empty name";
  if (name.startsWith(".")) return "a name that starts with a dot";
  if (name.includes("/")) return 'a name with "/"';
  if (name.includes("..")) return 'a name with ".."';
  if (name.includes("\0")) return "a name with a NUL";
  if (name.endsWith(".lock") || splitMailboxName(name).user.endsWith(".lock"))
    return 'a name that ends in ".lock"';
  if (Buffer.byteLength(name) > LONGEST_NAME) return `a name of more than ${LONGEST_NAME} bytes`;
  return undefined;
}
