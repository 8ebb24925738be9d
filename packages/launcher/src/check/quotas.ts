/**
 * Mailboxes that are full, and limits of mailboxes that nobody has.
 */
import { mailboxNames } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxLimits } from "@mailhost/common/quota/mailbox-limits";
import { usageOf } from "@mailhost/common/quota/usage";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import { reasonOf } from "../start/folders.ts";
import type { Finding } from "./finding.ts";

const about = "quotas";

/**
 * Findings on limits.
 *
 * @param known whether there is an account of a name, or for `@domain` one in the domain; absent: nobody can tell
 */
export async function checkQuotas(
  site: Site,
  { quota, local }: Pick<Settings, "quota" | "local">,
  {
    tables,
    known,
  }: { readonly tables: Pick<SiteTables, "quotas">; readonly known: ((name: string) => boolean) | undefined },
): Promise<Finding[]> {
  const entries = [...tables.quotas.entries()].map(([name]) => name);
  if (quota.mailbox === 0 && entries.length === 0) return [];
  const findings: Finding[] = [];
  const warn = (text: string) => void findings.push({ level: "warning", about, text });
  if (local.mailer !== "mbox")
    warn(`limits are not kept: local.mailer is ${local.mailer}, and mailboxes are written by it, not by us`);
  for (const name of entries) {
    if (known?.(name) !== false) continue;
    const what = name.startsWith("@") ? "the domain has no users of its own" : "there is no such account";
    warn(`${tables.quotas.file}: ${name}: ${what}`);
  }
  try {
    for (const { mailbox, size, limit, percent } of await usageOf(
      site,
      mailboxNames(site),
      mailboxLimits(quota, tables.quotas),
    )) {
      if (limit !== undefined && size >= limit)
        warn(`${mailbox}: full: ${size} octets, ${percent}% of the ${limit} that it may have`);
    }
  } catch (error) {
    warn(`mailboxes cannot be looked at: ${reasonOf(error)}`);
  }
  return findings.length > 0 ? findings : [{ level: "ok", about, text: "no mailbox is full" }];
}
