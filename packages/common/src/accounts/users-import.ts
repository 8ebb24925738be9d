/**
 * Accounts out of another program's file: shadow(5), a Dovecot passwd-file, or htpasswd's. Hashes come over as they are, so
 * that nobody needs a new password; one in clear is hashed.
 */
import { splitMailboxName } from "../mbox/mailbox-name.ts";
import { accountNameFault } from "./account-name.ts";
import { domainsOf } from "./own-domains.ts";
import { hashPassword, passwordFault, preparedPassword } from "./password.ts";
import { parsePassword } from "./password-format.ts";
import { parseUser } from "./users-reading.ts";

/** What becomes of the lines of a file. */
export interface ImportPlan {
  readonly taken: readonly TakenUser[];
  readonly left: readonly LeftLine[];
}

/** A line that becomes an account. */
export interface TakenUser {
  readonly name: string;
  /** For etc/mail/users, but for a password in clear, which {@link importedLine} hashes. */
  readonly line: string;
  readonly clear?: string;
}

/** A line that does not, and why. */
export interface LeftLine {
  /** 1-based. */
  readonly line: number;
  readonly name: string;
  readonly reason: string;
}

/** Fields of a line of shadow(5). */
const SHADOW_FIELDS = 9;

/**
 * Reads a file line by line; comments and empty lines are nothing.
 *
 * @param there names that are accounts already
 */
export function planImport(text: string, there: ReadonlySet<string>): ImportPlan {
  const taken: TakenUser[] = [];
  const left: LeftLine[] = [];
  const names = new Set(there);
  const domains = new Set(domainsOf(there));
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const name = line.split(":", 1)[0]!.trim().toLowerCase();
    const found = line.includes(":") ? takenUser(name, line, { names, domains }) : "no line of name:hash";
    if (typeof found === "string") left.push({ line: index + 1, name, reason: found });
    else {
      names.add(name);
      domains.add(splitMailboxName(name).domain);
      taken.push(found);
    }
  }
  return { taken, left };
}

/** The line of an account for etc/mail/users. */
export async function importedLine({ name, line, clear }: TakenUser): Promise<string> {
  return clear === undefined ? line : `${name}:${await hashPassword(preparedPassword(clear))}`;
}

function takenUser(
  name: string,
  line: string,
  { names, domains }: { readonly names: ReadonlySet<string>; readonly domains: ReadonlySet<string> },
): TakenUser | string {
  const fields = line.split(":").map((field) => field.trim());
  const [, password = ""] = fields;
  const fault = accountNameFault(name);
  if (fault !== undefined) return fault;
  if (names.has(name)) return "is there already";
  // A file and a folder of the spool would have one name.
  if (names.has(splitMailboxName(name).domain)) return "an account is called as its domain is";
  if (domains.has(name)) return "is a domain with users of its own";
  const isShadow = fields.length === SHADOW_FIELDS;
  if (name === "root" && isShadow) return "the machine's password is not for mail";
  const stored = parsePassword(password);
  if (stored.kind === "unknown") return stored.fault;
  if (password === "x") return "its hash is elsewhere: import shadow in place of passwd";
  if (stored.kind === "clear") {
    const bad = passwordFault(stored.password);
    return bad ?? { name, line: "", clear: stored.password };
  }
  const user = parseUser(line);
  if (stored.kind === "locked" || typeof user === "string" || user.hash === undefined)
    return "locked: nobody logs in with it";
  // When an account ends goes with it.
  return { name, line: [name, user.hash, ...(isShadow ? fields.slice(2) : [])].join(":") };
}
