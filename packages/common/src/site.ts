/**
 * The site root and every path below it.
 *
 * One company's mail host lives below one directory, `/` on a real host. All code asks a {@link Site} for its
 * paths; nothing else in the product spells a path.
 */
import { join, resolve } from "node:path";

/** A folder that holds mboxes. */
export interface MailboxFolder {
  readonly path: string;
  /** The domain whose users' mailboxes these are: file `alice` is the mailbox `alice@domain`; empty: `alice`. */
  readonly domain: string;
}

/** Absolute paths of one mail host. */
export interface Site {
  /** The site root itself. */
  readonly root: string;
  /** Settings and Sendmail's tables: `etc/mail`. */
  readonly etcMail: string;
  /** `etc/mail/mailhost.yaml`. */
  readonly settingsFile: string;
  /** Accounts with no system account, `name:hash` a line, mode 0600: `etc/mail/users`. */
  readonly usersFile: string;
  /** Secrets for APOP and CRAM-MD5, mode 0600: `etc/mail/popauth.db`. */
  readonly popauthFile: string;
  /** Sendmail's own settings, read where there is no mailhost.yaml: `etc/mail/sendmail.cf`. */
  readonly sendmailCf: string;
  /** The queue: `var/spool/mqueue`. */
  readonly queueDir: string;
  /** Where ordinary users' `sendmail` leaves messages for the queue: `var/spool/clientmqueue`. */
  readonly dropDir: string;
  /** One mbox a user: `var/spool/mail`. */
  readonly spoolDir: string;
  /** The mbox of a mailbox, `var/spool/mail/NAME` or `var/spool/mail/DOMAIN/NAME` unless the settings place it elsewhere (mbox/mailbox-layout.ts). */
  readonly mailboxFile: (name: string) => string;
  /** The folders of the spool that hold mboxes. */
  readonly mailboxFolders: () => readonly MailboxFolder[];
  /** DRAC table, POP3 index, mbox journals: `var/lib/mailhost`. */
  readonly stateDir: string;
  /** `var/log/mail.log`. */
  readonly logFile: string;
  /** Process ids and the control socket: `run`. */
  readonly runDir: string;
  /** `run/mailhost.sock`. */
  readonly controlSocket: string;
  /** Where the helper that checks passwords as root listens: `run/passwords.sock`. */
  readonly passwordSocket: string;
}

/** Default root when neither `--root` nor MAILHOST_ROOT says otherwise. */
export const DEFAULT_ROOT = "/";

/**
 * Lays out the paths below a root.
 *
 * @param root directory, absolute or relative to the working directory
 */
export function siteAt(root: string): Site {
  const top = resolve(root);
  const etcMail = join(top, "etc/mail");
  const runDir = join(top, "run");
  const spoolDir = join(top, "var/spool/mail");
  return {
    root: top,
    etcMail,
    settingsFile: join(etcMail, "mailhost.yaml"),
    usersFile: join(etcMail, "users"),
    popauthFile: join(etcMail, "popauth.db"),
    sendmailCf: join(etcMail, "sendmail.cf"),
    queueDir: join(top, "var/spool/mqueue"),
    dropDir: join(top, "var/spool/clientmqueue"),
    spoolDir,
    mailboxFile: (name) => join(spoolDir, name),
    mailboxFolders: () => [{ path: spoolDir, domain: "" }],
    stateDir: join(top, "var/lib/mailhost"),
    logFile: join(top, "var/log/mail.log"),
    runDir,
    controlSocket: join(runDir, "mailhost.sock"),
    passwordSocket: join(runDir, "passwords.sock"),
  };
}

/** Resolves a path from the settings: relative ones hang below the site root. */
export function sitePath(site: Site, path: string): string {
  return resolve(site.root, path);
}
