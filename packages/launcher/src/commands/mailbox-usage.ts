/**
 * `mailhost mailbox usage`: how full mailboxes are.
 */
import { openAccounts } from "@mailhost/common/accounts/accounts";
import { messageOf, UserError } from "@mailhost/common/errors";
import { mailboxNames, placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxLimits } from "@mailhost/common/quota/mailbox-limits";
import { type MailboxUsage, usageOf } from "@mailhost/common/quota/usage";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_NOINPUT, EX_NOUSER, EX_OK } from "@mailhost/common/sysexits";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import type { Terminal } from "../terminal.ts";

/**
 * Prints a line for each mailbox: name, octets, limit, per cent.
 *
 * @param name of one mailbox, in lower case; undefined: all that there are
 * @throws UserError when there is neither an account nor a mailbox of that name, or mailboxes cannot be seen
 */
export async function mailboxUsage(
  givenSite: Site,
  { name, json }: { readonly name: string | undefined; readonly json: boolean },
  terminal: Terminal,
): Promise<number> {
  const settings = loadSettings(givenSite);
  const site = placeMailboxes(givenSite, settings);
  const log = {
    write: (_level: string, text: string) => terminal.err(`mailhost: ${text}`),
    close: async () => {},
  };
  const tables = openSiteTables(site, { log, settings });
  try {
    const limitOf = mailboxLimits(settings.quota, tables.quotas);
    const usage = await usageOf(site, name === undefined ? everyMailbox(site, settings) : [name], limitOf);
    if (name !== undefined && usage[0]?.size === 0 && !(await isAccount(site, settings, name)))
      throw new UserError(`there is neither an account nor a mailbox called ${name}`, EX_NOUSER);
    if (json) terminal.out(JSON.stringify(usage.map(withNulls)));
    else for (const line of usage) terminal.out(lineOf(line));
    return EX_OK;
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`mailboxes cannot be looked at: ${messageOf(error)}`, EX_NOINPUT);
  } finally {
    await tables.close();
  }
}

/** Those of the spool, and of accounts whose mailbox is elsewhere or not there yet. */
function everyMailbox(site: Site, settings: Settings): string[] {
  const listed =
    settings.mailbox.homeFile === "" ? settings.accounts.filter((s) => s === "file") : settings.accounts;
  const accounts = openAccounts(site, {
    ...settings,
    accounts: listed.filter((source) => source !== "ldap"),
  });
  return [...new Set([...mailboxNames(site), ...accounts.names()])].sort();
}

async function isAccount(site: Site, settings: Settings, name: string): Promise<boolean> {
  const accounts = openAccounts(site, settings);
  try {
    return (await accounts.lookUp(name)) !== undefined;
  } finally {
    await accounts.close();
  }
}

function lineOf({ mailbox, size, limit, percent }: MailboxUsage): string {
  return [mailbox, size, limit ?? "-", percent === undefined ? "-" : `${percent}%`].join("\t");
}

function withNulls({ mailbox, size, limit, percent }: MailboxUsage) {
  return { mailbox, size, limit: limit ?? null, percent: percent ?? null };
}
