/**
 * What is to be known before an account of etc/mail/users is made: whether its mailbox has a place, and what a domain that gets
 * users of its own still lacks.
 */
import { statSync } from "node:fs";
import { join } from "node:path";
import { domainsOf } from "@mailhost/common/accounts/own-domains";
import { listUsers } from "@mailhost/common/accounts/users-file";
import { domainKey } from "@mailhost/common/address";
import { UserError } from "@mailhost/common/errors";
import { silentLog } from "@mailhost/common/log/log";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { isMailDomain, splitMailboxName } from "@mailhost/common/mbox/mailbox-name";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Site } from "@mailhost/common/site";
import { EX_DATAERR } from "@mailhost/common/sysexits";
import { openSiteTables } from "@mailhost/common/tables/site-tables";

/**
 * Looks at a name that is about to become an account.
 *
 * @returns what the administrator should know, a sentence a line
 * @throws UserError when the mailbox has no place: a file and a folder of the spool would have one name
 */
export async function newUserNotes(givenSite: Site, name: string): Promise<string[]> {
  const settings = loadSettings(givenSite);
  const site = placeMailboxes(givenSite, settings);
  const { domain } = splitMailboxName(name);
  const names = listUsers(site);
  const domains = domainsOf(names);
  if (domain === "") {
    if (isMailDomain(name) && (domains.has(name) || isFolder(join(site.spoolDir, name)) === true))
      throw new UserError(
        `${name} is a domain with users of its own: no account can be called so`,
        EX_DATAERR,
      );
    return [];
  }
  if (names.includes(domain) || isFolder(join(site.spoolDir, domain)) === false) {
    const text = `an account is called ${domain}: ${join(site.spoolDir, domain)} cannot be the folder of the domain's mailboxes`;
    throw new UserError(text, EX_DATAERR);
  }
  const notes: string[] = [];
  const tables = openSiteTables(site, { log: silentLog, settings });
  try {
    const ours = domain === domainKey(settings.hostname);
    if (!ours && !tables.localHostNames.has(domain))
      notes.push(`${domain} is no domain of this host yet: add it to ${tables.localHostNames.file}`);
    if (!ours && !domains.has(domain))
      notes.push(`${domain} has users of its own from now on: accounts without a domain get no mail there`);
  } finally {
    await tables.close();
  }
  return notes;
}

/** Undefined: nothing is there, or it cannot be seen. */
function isFolder(path: string): boolean | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory();
  } catch {
    return undefined;
  }
}
