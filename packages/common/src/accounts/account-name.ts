/**
 * Names that an account of our own may have. A name becomes a file name in the spool and a local part of addresses.
 */

/** RFC 5321 section 4.5.3.1.1. */
const LONGEST_NAME = 64;

/**
 * Says what is wrong with a name, or nothing when it is right.
 */
export function accountNameFault(name: string): string | undefined {
  const quoted = JSON.stringify(name);
  if (name === "") return "a name is needed";
  if (!/^[a-z0-9._-]+$/.test(name)) {
    return `${quoted}: a name has lower-case letters, digits, dots, underscores and hyphens only`;
  }
  if (/^[.-]/.test(name)) return `${quoted}: a name does not begin with a dot or a hyphen`;
  if (name.endsWith(".") || name.includes("..")) return `${quoted}: a dot stands between other characters`;
  if (name.endsWith(".lock")) return `${quoted}: a name does not end in .lock, as mailbox locks do`;
  if (name.length > LONGEST_NAME) return `${quoted}: a name has at most ${LONGEST_NAME} characters`;
  return undefined;
}
