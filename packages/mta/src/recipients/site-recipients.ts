/**
 * A site's tables and settings as recipients are resolved by.
 */
import type { Accounts } from "@mailhost/common/accounts/accounts";
import { systemClock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import { findLocalDomain } from "../policy/local-domains.ts";
import { type ListFiles, openListFiles } from "./list-files.ts";
import type { RecipientParts } from "./recipient-parts.ts";

/** What is there of a site. */
export interface SiteRecipients {
  readonly settings: () => Settings;
  readonly tables: SiteTables;
  accounts(): Accounts;
  ownAddresses(): ReadonlySet<string>;
  /** One for the whole process, since it knows which homes hang; absent: one for this call. */
  readonly lists?: ListFiles;
  readonly log?: Log;
}

/** The parts of {@link resolveRecipient}, by the settings of the moment. */
export function siteRecipientParts(site: SiteRecipients): RecipientParts {
  const { hostname, routing, local, domains } = site.settings();
  const { tables, lists = openListFiles({ clock: systemClock }), log } = site;
  return {
    aliases: tables.aliases,
    accounts: site.accounts(),
    hostname,
    isLocalDomain: (domain) =>
      findLocalDomain(domain, hostname, tables.localHostNames, () => site.ownAddresses()) !== undefined,
    virtusertable: tables.virtusertable,
    virtualDomains: tables.virtualDomains,
    virtualEntire: domains.virtualEntire,
    mailertable: tables.mailertable,
    domaintable: tables.domaintable,
    routing,
    local,
    lists,
    ...(log === undefined ? {} : { log }),
  };
}
