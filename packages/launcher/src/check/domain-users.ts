/**
 * Domains with users of their own: whether mail for them comes here, and whether their mailboxes have a place.
 */
import { join } from "node:path";
import type { Accounts } from "@mailhost/common/accounts/accounts";
import { domainsOf } from "@mailhost/common/accounts/own-domains";
import { domainKey } from "@mailhost/common/address";
import { isMailDomain } from "@mailhost/common/mbox/mailbox-name";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import type { Finding } from "./finding.ts";

/** Findings on the domains in the names of accounts. */
export function checkDomainUsers(
  site: Site,
  { hostname }: Pick<Settings, "hostname">,
  {
    accounts,
    tables,
  }: {
    readonly accounts: Pick<Accounts, "names" | "hasDomain">;
    readonly tables: Pick<SiteTables, "localHostNames">;
  },
): Finding[] {
  const names = accounts.names();
  const findings: Finding[] = [];
  for (const domain of [...domainsOf(names)].filter((one) => accounts.hasDomain(one)).sort()) {
    if (domain === domainKey(hostname) || tables.localHostNames.has(domain)) continue;
    const text = `${domain} has users in ${site.usersFile} and is no domain of this host: add it to ${tables.localHostNames.file}`;
    findings.push({ level: "warning", about: "accounts", text });
  }
  for (const name of names) {
    if (!isMailDomain(name) || !accounts.hasDomain(name)) continue;
    const text = `an account is called ${name}, as a domain with users of its own: ${join(site.spoolDir, name)} can be the mailbox of the one or the folder of the other; rename the account`;
    findings.push({ level: "error", about: "accounts", text });
  }
  return findings;
}
