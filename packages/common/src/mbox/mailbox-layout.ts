/**
 * Where the mailboxes of a site lie: flat in the spool, in sub-folders of it by their names, or in their owners' homes. Those of
 * a domain that has users of its own lie in a folder of the domain, laid out as the spool is.
 *
 * Deliveries, logins, checks and recovery all ask the {@link Site} that {@link placeMailboxes} returns, so a mailbox has one
 * place whoever looks for it. A change of these settings takes effect at the next start: mail is not moved.
 */
import { type Dirent, readdirSync } from "node:fs";
import { basename, join, relative } from "node:path";
import { openAccounts } from "../accounts/accounts.ts";
import { UserError } from "../errors.ts";
import type { MailboxSettings } from "../settings/pop3-settings.ts";
import type { Settings } from "../settings/settings.ts";
import { type MailboxFolder, type Site, sitePath } from "../site.ts";
import { EX_CONFIG } from "../sysexits.ts";
import { isMailDomain, joinMailboxName, mailboxNameFault, splitMailboxName } from "./mailbox-name.ts";

/** Characters of a name that Qpopper's first method adds up. */
const ADDED_UP = 5;
const LETTERS = 26;

/**
 * The sub-folder of the spool that a mailbox lies in (Qpopper's hash-spool).
 *
 * @param method 0: none; 1: one of `a` to `z`, the sum of the first five characters' codes modulo 26; 2: the first two
 *   characters, one below the other (`u/s` of `user`; a single one stands twice)
 * @returns a relative path, empty for none
 */
export function hashFolder(name: string, method: number): string {
  if (method === 1) {
    let sum = 0;
    for (const byte of Buffer.from(name).subarray(0, ADDED_UP)) sum += byte;
    return String.fromCharCode(97 + (sum % LETTERS));
  }
  if (method === 2) {
    const [first = "", second = first] = Array.from(name);
    return join(first, second);
  }
  return "";
}

/**
 * The site with its mailboxes where the settings say.
 *
 * @throws UserError (EX_CONFIG) for a home-dir-mail that is no plain file name: below a folder that its owner can replace,
 *   root could be made to write anywhere
 */
export function placeMailboxes(site: Site, settings: Pick<Settings, "mailbox" | "accounts">): Site {
  const { folder, hashSpool, homeFile } = settings.mailbox;
  const spoolDir = sitePath(site, folder);
  const inSpool = (name: string) => {
    const { user, domain } = splitMailboxName(name);
    return join(spoolDir, domain, hashFolder(user, hashSpool), user);
  };
  return {
    ...site,
    spoolDir,
    mailboxFile: homeFile === "" ? inSpool : inHomes(site, settings, inSpool),
    mailboxFolders: () => [
      ...foldersBelow(spoolDir, hashSpool, ""),
      ...domainsIn(spoolDir).flatMap((domain) => foldersBelow(join(spoolDir, domain), hashSpool, domain)),
    ],
  };
}

function inHomes(
  site: Site,
  { mailbox, accounts }: { readonly mailbox: MailboxSettings; readonly accounts: Settings["accounts"] },
  inSpool: (name: string) => string,
): (name: string) => string {
  const { homeFile } = mailbox;
  if (homeFile.includes("/") || homeFile === "." || homeFile === "..") {
    throw new UserError(
      `mailbox.homeFile: ${JSON.stringify(homeFile)} is not the plain name of a file, such as Mailbox`,
      EX_CONFIG,
    );
  }
  const known = openAccounts(site, { accounts });
  return (name) => {
    const home = known.find(name)?.home;
    // Accounts of etc/mail/users may have no home.
    return home === undefined || home === "" ? inSpool(name) : join(home, homeFile);
  };
}

/**
 * The mailboxes of the spool. A folder is none of them: there may be one for another purpose. Folders that are not there or not
 * ours are passed over.
 */
export function mailboxNames(site: Site): string[] {
  return site.mailboxFolders().flatMap(({ path, domain }) =>
    entriesOf(path)
      .filter((entry) => !entry.isDirectory())
      .map((entry) => joinMailboxName({ user: entry.name, domain }))
      .filter((name) => mailboxNameFault(name) === undefined),
  );
}

/**
 * The mailbox that a path is, or undefined when it is none.
 */
export function mailboxAt(site: Site, path: string): string | undefined {
  const user = basename(path);
  const [domain = ""] = relative(site.spoolDir, path).split("/");
  const names = [user, ...(isMailDomain(domain) ? [joinMailboxName({ user, domain })] : [])];
  return names.find((name) => mailboxNameFault(name) === undefined && site.mailboxFile(name) === path);
}

/** The folders at a depth, those that are there. */
function foldersBelow(path: string, depth: number, domain: string): MailboxFolder[] {
  if (depth === 0) return [{ path, domain }];
  return subFolders(path)
    .filter((name) => Array.from(name).length === 1)
    .flatMap((name) => foldersBelow(join(path, name), depth - 1, domain));
}

/** Domains that have a folder. */
function domainsIn(spoolDir: string): string[] {
  return subFolders(spoolDir).filter(isMailDomain);
}

function subFolders(folder: string): string[] {
  return entriesOf(folder)
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Not there, or not ours: the permissions' business.
    return [];
  }
}
