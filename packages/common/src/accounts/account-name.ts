/**
 * Names that an account of our own may have: `alice`, or `alice@a.example` for a user of a domain that has its own. A name
 * becomes a file name in the spool and a local part of addresses.
 */
import { isMailDomain } from "../mbox/mailbox-name.ts";

/** RFC 5321 section 4.5.3.1.1. */
const LONGEST_NAME = 64;
/** Name and domain together: what a file name and an address have room for (RFC 5321 section 4.5.3.1.3). */
const LONGEST_WHOLE = 240;

/**
 * Says what is wrong with a name, or nothing when it is right.
 */
export function accountNameFault(name: string): string | undefined {
  const at = name.lastIndexOf("@");
  if (at < 0) return plainNameFault(name, name);
  return (
    plainNameFault(name, name.slice(0, at)) ??
    domainFault(name.slice(at + 1)) ??
    (name.length > LONGEST_WHOLE
      ? `${JSON.stringify(name)}: name and domain together have at most ${LONGEST_WHOLE} characters`
      : undefined)
  );
}

function plainNameFault(whole: string, name: string): string | undefined {
  const quoted = JSON.stringify(whole);
  if (name === "") return whole === "" ? "a name is needed" : `${quoted}: a name is needed before the @`;
  if (!/^[a-z0-9._-]+$/.test(name)) {
    return `${quoted}: a name has lower-case letters, digits, dots, underscores and hyphens only`;
  }
  if (/^[.-]/.test(name)) return `${quoted}: a name does not begin with a dot or a hyphen`;
  if (name.endsWith(".") || name.includes("..")) return `${quoted}: a dot stands between other characters`;
  if (name.endsWith(".lock")) return `${quoted}: a name does not end in .lock, as mailbox locks do`;
  if (name.length > LONGEST_NAME) return `${quoted}: a name has at most ${LONGEST_NAME} characters`;
  return undefined;
}

function domainFault(domain: string): string | undefined {
  if (isMailDomain(domain)) return undefined;
  const quoted = JSON.stringify(domain);
  if (/\P{ASCII}/u.test(domain)) return `${quoted}: write the domain as in the DNS, xn--…`;
  if (domain.endsWith(".lock")) return `${quoted}: a domain does not end in .lock, as mailbox locks do`;
  return `${quoted}: a domain has at least two labels of lower-case letters, digits and hyphens, such as a.example`;
}
